"""The five conditions of a same-station crossing: all are reported, not only the first failed."""

from enum import IntEnum
from itertools import product
from typing import Final

from fare_engine.decision import Reason
from fare_engine.journey import OpenJourney


class Condition(IntEnum):
    """The conditions in the order in which their failures are named."""

    STATION_IN_PILOT = 0
    MEDIUM_ELIGIBLE = 1
    GATES_DESIGNATED = 2
    WITHIN_WINDOW = 3
    BELOW_DAILY_LIMIT = 4

    @property
    def code(self) -> str:
        """The name in explanations."""
        return self.name.lower()


class Held(IntEnum):
    """Whether a condition held. Two bits each, packed in the order of `Condition`."""

    NOT_APPLICABLE = 0
    YES = 1
    NO = 2

    @property
    def code(self) -> str:
        """The name in explanations."""
        return {0: "not_applicable", 1: "held", 2: "failed"}[self]


FAILURES: Final = (
    Reason.STATION_NOT_IN_PILOT,
    Reason.MEDIUM_NOT_ELIGIBLE,
    Reason.GATE_NOT_DESIGNATED,
    Reason.WINDOW_EXCEEDED,
    Reason.DAILY_LIMIT_REACHED,
)
"""The reason that names each condition's failure, in the order of `Condition`."""

ALL_HELD: Final = 0b01_01_01_01_01
NO_POLICY: Final = 0b00_00_00_00_10


def evaluate(
    journey: OpenJourney, gate_id: str, medium_type: str, elapsed_ms: int, waived_before: int
) -> int:
    """All five conditions of an exit at the station of its entry, packed two bits each.

    `waived_before` counts the token's waivers on the service date of the entry.
    """
    terms = journey.terms
    policy = terms.policy
    if policy is None:
        return NO_POLICY
    limit = policy.daily_limit
    return (
        (2 if terms.suspended else 1)
        | (4 if medium_type in policy.media else 8)
        | (16 if journey.designated and gate_id in policy.designated_gates else 32)
        | (64 if elapsed_ms <= policy.window_ms else 128)
        | (256 if limit is None or waived_before < limit else 512)
    )


def first_failure(packed: int) -> Reason:
    """The reason of the first condition that failed; ValueError when none did."""
    reason = _FIRST_FAILURES.get(packed)
    if reason is None:
        raise ValueError(f"no condition failed in {packed:#b}")
    return reason


def unpack(packed: int) -> dict[Condition, Held]:
    """Each condition with whether it held."""
    return {condition: Held(packed >> 2 * condition & 0b11) for condition in Condition}


def _find_first_failure(held: tuple[Held, ...]) -> Reason | None:
    return next((FAILURES[place] for place, one in enumerate(held) if one is Held.NO), None)


_FIRST_FAILURES: Final = {
    sum(one << 2 * place for place, one in enumerate(held)): _find_first_failure(held)
    for held in product(Held, repeat=len(FAILURES))
}
"""For every way in which five conditions may hold or fail: half of all charged exits ask."""
