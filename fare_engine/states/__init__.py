"""Where token states are remembered between taps: a cache, never the truth."""
