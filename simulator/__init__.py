"""The simulator: passengers, their taps brought to an engine, and whether it was right."""
