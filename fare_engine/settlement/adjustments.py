"""What settlement issues: differences of money, each with its why."""

from collections.abc import Iterable, Mapping
from enum import Enum, IntEnum
from typing import NamedTuple

from fare_engine.decision import Reason


class Kind(IntEnum):
    """What an adjustment is about. The numbers stand in ledgers: added to, never changed."""

    FARE = 1
    """What a gate took, against what the tap costs by the rule."""
    MISSING_EXIT = 2
    """The fare of a journey that nobody ended; it stands beside the tap of its entry."""

    @property
    def code(self) -> str:
        """The name in answers."""
        return self.name.lower()


class Why(IntEnum):
    """Why a tap costs something else than was taken. The numbers stand in ledgers."""

    ARRIVED_LATE = 1
    """The tap itself came too late to be decided."""
    REPAIRED = 2
    """It waited in quarantine until what it names was repaired."""
    NOT_PASSED = 3
    """The gate reported that nobody went through."""
    TAKEN_OTHERWISE = 4
    """The gate took something else than the rule, as it stood then, says."""
    DECIDED_AGAIN = 5
    """Another tap of the token was put before it, or taken away."""
    CLOCK_CORRECTED = 6
    """Its gate's clock was wrong by a measured skew."""
    EXIT_MISSING = 7
    """The journey was closed without an exit."""
    EXIT_FOUND = 8
    """The exit that was missing, or an entry in its place, turned up after all."""

    @property
    def code(self) -> str:
        """The name in answers."""
        return self.name.lower()


class State(Enum):
    """Whether an adjustment counts. One that is held waits for a person, who decides once."""

    ISSUED = "issued"
    HELD = "held"
    RELEASED = "released"
    REFUSED = "refused"


class Due(NamedTuple):
    """What one tap comes to, once its token's history is settled.

    `collected` is what the gate took, `due` what the rule says; in fen. `reason` is what the tap
    was decided again to be, `entry_row` the journey it found then. `held`: the gate says it took
    what no fare can be, so the difference waits for a person.
    """

    row: int
    kind: Kind
    collected: int
    due: int
    why: Why
    reason: Reason
    entry_row: int | None = None
    held: bool = False

    @property
    def state(self) -> State:
        """In which state its difference is issued."""
        return State.HELD if self.held else State.ISSUED


class Adjustment(NamedTuple):
    """A difference to issue: positive is owed by the passenger, negative goes back to her.

    `nth` says how many were issued before for the same: two runs that find the same difference at
    once would both issue it as the nth, and the ledger takes only one.
    """

    token: bytes
    fare: int
    due: Due
    nth: int


class Before(NamedTuple):
    """What was issued before for a row and kind: added up, and how many times."""

    fare: int
    times: int


Issued = Mapping[tuple[int, Kind], Before]
"""What was issued before, by row and kind."""

_NOTHING = Before(0, 0)


def find_differences(token: bytes, dues: Iterable[Due], issued: Issued) -> list[Adjustment]:
    """What has to be issued so that all that was ever issued adds up to what is due.

    What is held, or was refused, counts as issued: it is dealt with, and not found again.
    """
    found = []
    for due in dues:
        before = issued.get((due.row, due.kind), _NOTHING)
        fare = due.due - due.collected - before.fare
        if fare:
            found.append(Adjustment(token, fare, due, before.times))
    return found
