"""What one process holds while it serves: engine service, wiring, settings, clocks."""
