"""Settlement: what the day should have cost, once all that came late is known.

Decisions are never rewritten. What differs from what gates took is issued as adjustments beside
them, and journeys without an exit get their missing-exit fare. `docs/settlement.md` has all of it.
"""
