"""What runs beside a gate: media, for now."""
