"""A typed client of the matching API: one core without input and output, two thin shells.

`gates.client.blocking.EngineClient` for threads, `gates.client.asynchronous.AsyncEngineClient` for
an event loop. Both keep their connections, give up at a deadline, and send again under the same
tap_id; what they ask and how they read the answer stands once, in `gates.client.core`.
"""
