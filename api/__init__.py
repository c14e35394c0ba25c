"""HTTP and the command line: the ways into the engine."""
