"""What runs beside a gate: media, a client of the engine, and the controller of a station."""
