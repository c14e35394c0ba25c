"""What stands between a socket and a request: heads, bodies, connections and their limits."""
