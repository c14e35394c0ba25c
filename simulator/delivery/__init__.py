"""Delivery: the taps of a world brought to an engine, and its answers held to the intentions."""
