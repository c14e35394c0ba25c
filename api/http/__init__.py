"""The server: protocol, tap desk, application, keys and routes."""
