"""Gates, engine and rule in one process over a virtual clock, with faults drawn from a seed.

What runs is the real thing: `gates.controller`, `gates.upkeep`, the outbox and the breaker of every
station; `api.wire.reader`, `fare_engine.engine`, the rule, `api.wire.answers` on the other side,
bytes between them. Simulated are the network, the disks (memory, with power cuts) and time itself.
The auditor judges what crossed the network, and knows nothing of the faults.
"""

from typing import Final

SEED_TAPS_MAX: Final = 80
"""About so many taps are played of a seed, unless asked otherwise."""
