"""A typed client of the matching API: asynchronous, and a wrapper of it for threads.

`asynchronous.AsyncEngineClient` for an event loop, `blocking.EngineClient` for threads. It keeps
its connections, gives up at a deadline, and sends again under the same tap_id.
"""
