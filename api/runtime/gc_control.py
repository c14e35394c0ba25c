"""The garbage collector, kept out of the way of taps.

The life of a tap makes no cycles, and what it leaves behind, the index, has none: to walk it would
cost a tenth of every tap, and to walk all of it would stop every gate for a moment. What other
requests leave is little and young. So the collector runs when no tap waits, over young objects.
"""

import gc
from typing import Final

WALK_OBJECTS: Final = 20_000
"""Young objects that are worth a walk of a millisecond or two while no tap waits."""

WALK_OBJECTS_MAX: Final = 60_000
"""More come only with a burst of taps: they are frozen without a walk, with the few cycles that
other requests left meanwhile, since the walk would delay taps."""


def freeze() -> None:
    """From now on, collect only on request; called once, when everything is loaded."""
    gc.freeze()  # unwalked: what is loaded leaves next to no garbage
    gc.disable()


def collect_when_idle() -> None:
    """Called when no tap waits."""
    young = gc.get_count()[0]
    if young > WALK_OBJECTS_MAX:
        gc.freeze()
    elif young > WALK_OBJECTS:
        gc.collect(0)
