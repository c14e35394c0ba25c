"""The rule a second time, slowly, from the words of the fare rules alone.

It remembers every tap and everything that was ever published, in plain lists, and works all out
anew from them for each tap: which journey is open, where the token's clock stands, how many
crossings were waived. It shares values with the engine (taps, tariffs, policies) but no function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeVar

from fare_engine.network import Direction
from fare_engine.policy import Policy
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
SHANGHAI_AHEAD_MS = 8 * 60 * MINUTE_MS
WAIVED = "same_station_within_window"
OPEN_GATES = ("entry_free", "exit_free", "emergency")
UNMATCHED = ("exit_repeated", "no_open_entry", "entry_expired")


class Answer(NamedTuple):
    """What the rules say to a tap."""

    reason: str
    gate_opens: bool
    fare: int = 0
    fare_waived: int = 0
    conditions: tuple[str, ...] = ("not_applicable",) * 5
    entry_tap_id: str | None = None
    incomplete_fare: int = 0


class Switch(NamedTuple):
    """A station suspended, or resumed, from an instant on."""

    station_id: str
    suspended: bool
    at_ms: int


class Loosening(NamedTuple):
    """A station that lets something go for a while, or until further notice."""

    station_id: str
    mode: str
    from_ms: int
    to_ms: int | None

    def holds_at(self, at_ms: int) -> bool:
        return at_ms >= self.from_ms and not (self.to_ms is not None and at_ms >= self.to_ms)


class PastTap(NamedTuple):
    """A tap that was decided, and how much was published when it was."""

    tap: Tap
    station_id: str
    known: int
    answer: Answer

    @property
    def is_entry(self) -> bool:
        return self.tap.direction == Direction.ENTRY

    @property
    def gate_opened(self) -> bool:
        report = self.tap.report
        return self.answer.gate_opens if report is None else report.gate_opened

    @property
    def changed_something(self) -> bool:
        idle = ("arrived_out_of_order", "medium_blocked", "ride_code_")
        return self.gate_opened and not self.answer.reason.startswith(idle)


V = TypeVar("V", Tariff, Policy)


def in_force(versions: Iterable[V], at_ms: int) -> V | None:
    ordered = sorted(versions, key=lambda one: (one.effective_from_ms, one.version))
    begun = [one for one in ordered if one.effective_from_ms <= at_ms]
    if not begun:
        return None
    ends_ms = begun[-1].effective_to_ms
    return None if ends_ms is not None and ends_ms <= at_ms else begun[-1]


def service_date(tariff: Tariff, at_ms: int) -> int:
    cut_ms = tariff.calendar.cut_minutes * MINUTE_MS
    return (at_ms + SHANGHAI_AHEAD_MS - cut_ms) // DAY_MS


def end_of_service_date(tariff: Tariff, at_ms: int) -> int:
    cut_ms = tariff.calendar.cut_minutes * MINUTE_MS
    return (service_date(tariff, at_ms) + 1) * DAY_MS - SHANGHAI_AHEAD_MS + cut_ms


def price(tariff: Tariff, fare: int, medium_type: str) -> int:
    percent = tariff.discounts_percent.get(medium_type, 0)
    return int(Fraction(fare * (100 - percent), 100) + Fraction(1, 2))


def distance_fare(metres: int) -> int:
    yuan = 2
    for bound_km in (4, 8, 12, 18, 24, 32, 40, 50):
        yuan += metres > bound_km * 1_000
    if metres > 70_000:
        yuan += (metres - 70_000 + 19_999) // 20_000
    return yuan * 100


@dataclass
class NaiveModel:
    """All taps and publications, in the order in which they came."""

    distances: Mapping[str, Mapping[str, int]]
    published: list[Tariff | Policy | Switch] = field(default_factory=list)
    loosenings: list[Loosening] = field(default_factory=list)
    past: list[PastTap] = field(default_factory=list)

    def decide(self, tap: Tap, station_id: str, refusal: str | None = None) -> Answer:
        answer = self._answer(tap, station_id, refusal)
        self.past.append(PastTap(tap, station_id, len(self.published), answer))
        return answer

    def list_history(self, token: bytes) -> list[PastTap]:
        return [one for one in self.past if one.tap.token == token and one.changed_something]

    def find_clock(self, token: bytes) -> int | None:
        return max((one.tap.occurred_at_ms for one in self.list_history(token)), default=None)

    def find_open(self, token: bytes) -> PastTap | None:
        """The last entry that no exit has consumed, expired or not."""
        found = None
        for one in self.list_history(token):
            if one.is_entry:
                found = one
            elif one.answer.reason not in UNMATCHED:
                found = None
        return found

    def tariff_at(self, at_ms: int, known: int | None = None) -> Tariff:
        tariffs = [one for one in self.published[:known] if isinstance(one, Tariff)]
        tariff = in_force(tariffs, at_ms)
        assert tariff is not None
        return tariff

    def policy_of(self, entry: PastTap) -> Policy | None:
        policies = [one for one in self.published[: entry.known] if isinstance(one, Policy)]
        at_ms, station_id = entry.tap.occurred_at_ms, entry.station_id
        return in_force([one for one in policies if one.station_id == station_id], at_ms)

    def tariff_of(self, entry: PastTap) -> Tariff:
        return self.tariff_at(entry.tap.occurred_at_ms, entry.known)

    def has_expired(self, entry: PastTap, at_ms: int) -> bool:
        tariff, entered_ms = self.tariff_of(entry), entry.tap.occurred_at_ms
        if tariff.journey_expiry_ms is None:
            return at_ms >= end_of_service_date(tariff, entered_ms)
        return at_ms >= entered_ms + tariff.journey_expiry_ms

    def was_suspended(self, entry: PastTap) -> bool:
        at_ms, suspended = entry.tap.occurred_at_ms, False
        for one in self.published[: entry.known]:
            if isinstance(one, Switch) and one.station_id == entry.station_id:
                suspended = one.suspended if one.at_ms <= at_ms else suspended
        return suspended

    def modes_at(self, station_id: str, at_ms: int) -> set[str]:
        here = [one for one in self.loosenings if one.station_id == station_id]
        return {one.mode for one in here if one.holds_at(at_ms)}

    def could_walk_out(self, entry: PastTap, closed_ms: int) -> bool:
        """Whether gates anywhere stood open before the journey was closed or had expired."""
        entered_ms = entry.tap.occurred_at_ms
        closed_ms = max(entered_ms, closed_ms)  # by a clock that is behind: nobody leaves earlier
        return any(
            one.holds_at(max(entered_ms, one.from_ms))
            for one in self.loosenings
            if one.mode in OPEN_GATES
            and one.from_ms <= closed_ms
            and not self.has_expired(entry, one.from_ms)
        )

    def _answer(self, tap: Tap, station_id: str, refusal: str | None) -> Answer:
        is_entry = tap.direction == Direction.ENTRY
        modes = self.modes_at(station_id, tap.occurred_at_ms)
        if refusal and (refusal != "medium_blocked" or is_entry):
            free = "entry_free" if is_entry else "exit_free"
            return Answer(refusal, gate_opens=bool(modes & {free, "emergency"}))
        clock_ms, tariff = self.find_clock(tap.token), self.tariff_at(tap.occurred_at_ms)
        behind_ms = 0 if clock_ms is None else clock_ms - tap.occurred_at_ms
        if behind_ms > tariff.clock_skew_tolerance_ms:
            return Answer("arrived_out_of_order", gate_opens=True)
        entry = self.find_open(tap.token)
        if is_entry:
            return self._answer_entry(tap, station_id, entry)
        if entry is None or self.has_expired(entry, tap.occurred_at_ms):
            return self._answer_unmatched(tap, station_id, entry, tariff)
        if "emergency" in modes:
            return Answer("emergency", gate_opens=True, entry_tap_id=entry.tap.tap_id)
        return self._answer_exit(tap, station_id, entry)

    def _answer_entry(self, tap: Tap, station_id: str, entry: PastTap | None) -> Answer:
        if entry is None:
            return Answer("entry_opened", gate_opens=True)
        tariff, tap_id = self.tariff_of(entry), entry.tap.tap_id
        missing = price(tariff, tariff.missing_exit_fare, tap.medium_type)
        if self.could_walk_out(entry, tap.occurred_at_ms):
            missing = 0
        if self.has_expired(entry, tap.occurred_at_ms):
            return Answer("entry_opened", True, entry_tap_id=tap_id, incomplete_fare=missing)
        age_ms = max(0, tap.occurred_at_ms - entry.tap.occurred_at_ms)
        if station_id == entry.station_id and age_ms <= tariff.reentry_grace_ms:
            return Answer("entry_repeated", True, entry_tap_id=tap_id)
        return Answer("entry_superseded", True, entry_tap_id=tap_id, incomplete_fare=missing)

    def _answer_unmatched(
        self, tap: Tap, station_id: str, entry: PastTap | None, tariff: Tariff
    ) -> Answer:
        tap_id = entry.tap.tap_id if entry else None
        for latest in self.list_history(tap.token)[-1:]:
            first = not latest.is_entry and latest.answer.reason != "exit_repeated"
            age_ms = max(0, tap.occurred_at_ms - latest.tap.occurred_at_ms)
            here = latest.station_id == station_id
            if first and here and age_ms <= tariff.reexit_grace_ms:
                return Answer("exit_repeated", True, entry_tap_id=tap_id)
        reason = "entry_expired" if entry else "no_open_entry"
        modes, fares = self.modes_at(station_id, tap.occurred_at_ms), []
        if tariff.unmatched_exit_opens:
            fares.append(tariff.unmatched_exit_fare)
        if modes & {"sequence_free", "entry_free", "exit_free"}:
            fares.append(self._lowest(tariff, station_id))
        if "emergency" in modes:
            fares.append(0)
        if not fares:
            return Answer(reason, False, entry_tap_id=tap_id)
        fare = price(tariff, min(fares), tap.medium_type)
        return Answer(reason, True, fare, entry_tap_id=tap_id)

    def _answer_exit(self, tap: Tap, station_id: str, entry: PastTap) -> Answer:
        tariff, tap_id = self.tariff_of(entry), entry.tap.tap_id
        elapsed_ms = max(0, tap.occurred_at_ms - entry.tap.occurred_at_ms)
        modes = self.modes_at(station_id, tap.occurred_at_ms)
        if elapsed_ms > tariff.max_stay_ms and "time_free" not in modes:
            others = self.distances.keys() - {station_id}
            highest = max(self._fare(tariff, station_id, other) for other in others)
            fare = price(tariff, highest, tap.medium_type)
            return Answer("overstay", True, fare, entry_tap_id=tap_id)
        if station_id != entry.station_id:
            pair = self._fare(tariff, entry.station_id, station_id)
            if "fare_free" in modes:
                pair = min(pair, self._lowest(tariff, station_id))
            fare = price(tariff, pair, tap.medium_type)
            return Answer("different_station", True, fare, entry_tap_id=tap_id)
        conditions = self._ask_conditions(tap, entry, elapsed_ms)
        told = tuple(conditions.values())
        fare = price(tariff, tariff.same_station_fare, tap.medium_type)
        for reason, one in conditions.items():
            if one == "failed":
                return Answer(reason, True, fare, 0, told, tap_id)
        return Answer(WAIVED, True, 0, fare, told, tap_id)

    def _ask_conditions(self, tap: Tap, entry: PastTap, elapsed_ms: int) -> dict[str, str]:
        policy = self.policy_of(entry)
        if policy is None:
            others = "medium_not_eligible gate_not_designated window_exceeded daily_limit_reached"
            unasked = dict.fromkeys(others.split(), "not_applicable")
            return {"station_not_in_pilot": "failed"} | unasked
        gates, limit = {entry.tap.gate_id, tap.gate_id}, policy.daily_limit
        held = {
            "station_not_in_pilot": not self.was_suspended(entry),
            "medium_not_eligible": tap.medium_type in policy.media,
            "gate_not_designated": gates <= policy.designated_gates,
            "window_exceeded": elapsed_ms <= policy.window_ms,
            "daily_limit_reached": limit is None or self._count_waivers(entry) < limit,
        }
        return {reason: "held" if one else "failed" for reason, one in held.items()}

    def _count_waivers(self, entry: PastTap) -> int:
        """Waived crossings of this token whose entries lie on the service date of this one."""
        by_tap_id = {one.tap.tap_id: one for one in self.past}
        history = self.list_history(entry.tap.token)
        waived = [one.answer for one in history if one.answer.reason == WAIVED]
        entries = [by_tap_id[one.entry_tap_id or ""] for one in waived]
        dates = [service_date(self.tariff_of(o), o.tap.occurred_at_ms) for o in [*entries, entry]]
        return dates.count(dates[-1]) - 1

    def _lowest(self, tariff: Tariff, station_id: str) -> int:
        return min(self._fare(tariff, station_id, to) for to in self.distances if to != station_id)

    def _fare(self, tariff: Tariff, origin: str, destination: str) -> int:
        by_distance = distance_fare(self.distances[origin][destination])
        return tariff.fares.explicit.get((origin, destination), by_distance)
