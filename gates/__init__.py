"""Runs beside the gates: media, a client of the engine, and the controller of a station."""
