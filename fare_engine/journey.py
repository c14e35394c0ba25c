"""What the engine remembers of a token between taps: the open journey and little else."""

from dataclasses import dataclass, field
from typing import Final

from fare_engine.modes import NEVER_OPEN, StoodOpen
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff
from fare_engine.value import Value

NEVER_MS: Final = -(2**62)
"""Before every gate's clock."""

_COUNT_BITS: Final = 11
_COUNT_MASK: Final = (1 << _COUNT_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What is in force at one station over a stretch of time; an entry pins the terms it meets.

    Two are the same when they are one object: the catalogue makes each only once.
    `designated_gates` are those of the policy, none without one. `modes` are the degraded modes in
    force (`Mode`), read of a tap's own terms and never of pinned ones; `stood_open` says when
    gates anywhere in the network stood open.
    """

    tariff: Tariff
    policy: Policy | None = None
    suspended: bool = False
    modes: int = 0
    stood_open: StoodOpen = NEVER_OPEN
    designated_gates: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        if self.policy is not None:
            object.__setattr__(self, "designated_gates", self.policy.designated_gates)


class OpenJourney(Value, frozen=True):
    """An entry that waits for its exit, with the terms it was made under.

    `designated`: the entry gate is on the crossing lane of the pinned policy. `service_day` is the
    ordinal of the entry's service date. `row` is the entry's place in the ledger.
    """

    tap_id: str
    gate_id: str
    station_id: str
    entered_at_ms: int
    terms: Terms
    designated: bool
    service_day: int
    expires_at_ms: int
    row: int


def open_journey(
    tap_id: str, gate_id: str, station_id: str, entered_at_ms: int, terms: Terms, row: int
) -> OpenJourney:
    """The journey that an entry opens under the terms in force when it was made."""
    tariff = terms.tariff
    expiry_ms = tariff.journey_expiry_ms
    day = tariff.calendar.latest
    if not day.start_ms <= entered_at_ms < day.end_ms:
        day = tariff.calendar.service_day(entered_at_ms)
    return OpenJourney(
        tap_id,
        gate_id,
        station_id,
        entered_at_ms,
        terms,
        gate_id in terms.designated_gates,
        day.ordinal,
        day.end_ms if expiry_ms is None else entered_at_ms + expiry_ms,
        row,
    )


class TokenState(Value, frozen=True):
    """All that decides a token's next tap.

    `clock_ms` is the greatest `occurred_at` of its taps that were not late and found the gate
    open. `number` counts the taps that used or changed the state: the chain that cannot fork.
    `waivers` packs the waivers of the latest two service dates. `exit_station_id`/`exit_ms` are
    set while the latest tap was an exit that may be tapped once more. `row` is the place in the
    ledger of the tap that made this state.
    """

    open: OpenJourney | None
    clock_ms: int
    number: int
    waivers: int
    exit_station_id: str | None
    exit_ms: int
    row: int


BLANK: Final = TokenState(None, NEVER_MS, 0, 0, None, 0, 0)
"""The state of a token that was never seen."""


def waivers_on(packed: int, service_day: int) -> int:
    """How many crossings were waived for the token on a service date."""
    if not packed:
        return 0
    latest_day = packed >> 2 * _COUNT_BITS
    if service_day == latest_day:
        return packed >> _COUNT_BITS & _COUNT_MASK
    if service_day == latest_day - 1:
        return packed & _COUNT_MASK
    return 0


def count_waiver(packed: int, service_day: int) -> int:
    """The packed counts with one more waiver on a service date.

    Two dates are kept, since around the cut two gates' clocks may stand on either side of it. A
    count stops at its greatest value, far above any daily limit.
    """
    if not packed:
        return service_day << 2 * _COUNT_BITS | 1 << _COUNT_BITS
    latest_day = packed >> 2 * _COUNT_BITS
    if service_day < latest_day - 1:
        return packed
    day = max(service_day, latest_day)
    latest, before = waivers_on(packed, day), waivers_on(packed, day - 1)
    if service_day == day:
        latest = min(latest + 1, _COUNT_MASK)
    else:
        before = min(before + 1, _COUNT_MASK)
    return (day << _COUNT_BITS | latest) << _COUNT_BITS | before
