"""Bytes to taps and verdicts to bytes, fast."""
