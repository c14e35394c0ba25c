"""Other ways to pair entries with exits, on the same taps in the same run."""
