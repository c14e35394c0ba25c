"""A verdict: a tap with its decision, as it is answered now and every time after."""

from fare_engine.decision import Decision
from fare_engine.tap import Tap
from fare_engine.value import Value


class Verdict(Value, frozen=True):
    """A decided tap. The same tap asked again yields an equal verdict but for `replayed`.

    `station_id` is the station of the gate at the tap, None when the tap waits in quarantine;
    `problem` is then the code that says why. Times are engine clock, milliseconds since 1970.
    """

    tap: Tap
    decision: Decision
    station_id: str | None
    received_at_ms: int
    decided_at_ms: int
    row: int
    problem: str | None = None
    replayed: bool = False
