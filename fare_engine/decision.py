"""A decision: what a tap came to, why, and what the gate does. The codes are the contract's."""

from enum import IntEnum
from typing import Final

from fare_engine.journey import OpenJourney, Terms
from fare_engine.value import Value


class Outcome(IntEnum):
    """What a tap came to."""

    ENTERED = 1
    WAIVED = 2
    CHARGED = 3
    UNMATCHED = 4
    LATE = 5
    REFUSED = 6
    RECORDED = 7

    @property
    def code(self) -> str:
        """The name in answers and reports."""
        return self.name.lower()


class Reason(IntEnum):
    """Why. The numbers stand in ledgers: they are added to, never changed."""

    ENTRY_OPENED = 1
    ENTRY_REPEATED = 2
    ENTRY_SUPERSEDED = 3
    SAME_STATION_WITHIN_WINDOW = 10
    EMERGENCY = 11
    DIFFERENT_STATION = 20
    OVERSTAY = 21
    STATION_NOT_IN_PILOT = 22
    MEDIUM_NOT_ELIGIBLE = 23
    GATE_NOT_DESIGNATED = 24
    WINDOW_EXCEEDED = 25
    DAILY_LIMIT_REACHED = 26
    EXIT_REPEATED = 30
    NO_OPEN_ENTRY = 31
    ENTRY_EXPIRED = 32
    ARRIVED_OUT_OF_ORDER = 40
    RIDE_CODE_INVALID = 50
    RIDE_CODE_EXPIRED = 51
    RIDE_CODE_REPLAYED = 52
    MEDIUM_BLOCKED = 53
    RECORDED = 60
    """Of a tap in quarantine; the problem's code stands in its place in answers."""

    @property
    def code(self) -> str:
        """The name in answers and reports."""
        return self.name.lower()

    @property
    def outcome(self) -> Outcome:
        """The outcome that this reason belongs to."""
        return Outcome(self // 10 + 1)


class Closing(IntEnum):
    """What the tap did to the journey it found open. The numbers stand in ledgers."""

    NOTHING = 0
    CONSUMED = 1
    REPLACED = 2
    SUPERSEDED = 3
    EXPIRED = 4
    """Closed as incomplete, since it had expired when the next entry came."""
    LEFT_OPEN = 5
    """Found expired by an exit; it stays until the next entry or settlement closes it."""
    EXCUSED = 6
    """Closed without an exit, and without a fare for it: gates stood open while it was open."""


class Decision(Value, frozen=True):
    """What a tap came to.

    `fare` is what this gate takes now, `fare_waived` the same-station fare it did not take, and
    `incomplete_fare` what is recorded against a journey closed without an exit; all in fen.
    `conditions` packs the five conditions (see `fare_engine.conditions`), 0 where they were not
    asked. `entry` is the journey that the tap found open and used or closed. `terms` are those
    the decision read, None where it read none. `modes` are the degraded modes in force at the tap
    (`fare_engine.modes.Mode`).
    `clock_suspect`: the gate's clock was known to be wrong when the engine decided.
    """

    reason: Reason
    gate_opens: bool
    fare: int = 0
    fare_waived: int = 0
    conditions: int = 0
    entry: OpenJourney | None = None
    closing: Closing = Closing.NOTHING
    terms: Terms | None = None
    incomplete_fare: int = 0
    modes: int = 0
    clock_suspect: bool = False


REFUSALS: Final = frozenset(
    {
        Reason.RIDE_CODE_INVALID,
        Reason.RIDE_CODE_EXPIRED,
        Reason.RIDE_CODE_REPLAYED,
        Reason.MEDIUM_BLOCKED,
    }
)
"""What the verification of a medium may find before the rule is asked."""
