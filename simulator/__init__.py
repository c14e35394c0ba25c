"""Simulated gates and passengers. For now a morning at one station; the simulator follows."""
