"""Vectors for clients in any language; `python -m simulator.gate_kit.vectors` makes them."""
