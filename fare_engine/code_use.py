"""A ride code is used once: which taps use it, and when it counts as used again.

The engine asks about all taps of all stations, a gate that decides alone about those of its own.
"""

from fare_engine.decision import REFUSALS, Reason
from fare_engine.network import Direction
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff
from fare_engine.value import Value


class CodeUse(Value, frozen=True):
    """Who used a ride code, where and when."""

    token: bytes
    station_id: str
    direction: int
    occurred_at_ms: int


def make_use(tap: Tap, station_id: str) -> CodeUse:
    """The use of the code that a tap shows."""
    return CodeUse(tap.token, station_id, tap.direction, tap.occurred_at_ms)


def uses_code(reason: Reason, gate_opened: bool) -> bool:
    """Whether a tap that shows a code uses it: the gate opened, and not at a refused medium."""
    return gate_opened and reason not in REFUSALS


def is_copy(first: CodeUse, now: CodeUse, tariff: Tariff) -> bool:
    """Whether a code that was used before is shown as a copy, and not by a second tap in place.

    A second tap in place is one at the gates where the code was used, within the grace of a re-tap.
    The grace runs from the tap that used the code first, inclusive.
    """
    is_entry = now.direction == Direction.ENTRY
    grace_ms = tariff.reentry_grace_ms if is_entry else tariff.reexit_grace_ms
    return (
        first.token != now.token
        or first.station_id != now.station_id
        or first.direction != now.direction
        or now.occurred_at_ms - first.occurred_at_ms > grace_ms
    )
