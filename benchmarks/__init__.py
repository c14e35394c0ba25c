"""The project's figures, each by a command: see `python -m benchmarks --help`."""
