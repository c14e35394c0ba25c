"""Files of recorded taps: what stands in them becomes taps, or rows skipped with a reason."""
