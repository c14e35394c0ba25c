"""Bugs that mix the gates' clocks and the engine's."""

from collections.abc import Mapping, Sequence
from typing import Final

from api.runtime.clocks import GateClocks
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.settlement import clocks
from fare_engine.settlement.clocks import Measurement, Reading
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import Repair, find_repair
from fare_engine.settlement.terms import Correction, get_terms
from fare_engine.verdict import Verdict
from simulator.deterministic.judging import settling
from simulator.deterministic.planted.planting import Bug

THREE_YEARS_MS: Final = 100_000_000_000
_apply: Final = GateClocks.apply


def _find_latest(
    measured: Sequence[Measurement], reading: Reading, _earliest_ms: int, _ahead_max_ms: int
) -> Measurement | None:
    known = [one for one in measured if one.at_engine_ms <= reading.received_engine_ms]
    return known[-1] if known else None


def _find_shown(stored: StoredTap) -> int:
    return stored.tap.occurred_at_ms + stored.skew_ms


def _repair_by_gate(
    catalogue: Catalogue, verdict: Verdict, _skew_ms: int, now_ms: int
) -> Repair | None:
    return find_repair(catalogue, verdict, 0, now_ms)


def _correct_time_alone(
    catalogue: Catalogue, verdict: Verdict, skew_ms: int, repair: Repair | None
) -> Correction | None:
    if not skew_ms:
        return None
    if repair is not None:
        return Correction(verdict.row, skew_ms, repair.station_id, repair.terms)
    assert verdict.station_id is not None
    terms = get_terms(catalogue, verdict, verdict.station_id)
    return Correction(verdict.row, skew_ms, verdict.station_id, terms)


def _apply_but_years(
    self: GateClocks, skews_ms: Mapping[str, int], measured_at_ms: int, tolerance_ms: int | None
) -> None:
    believed_ms = {
        gate_id: skew_ms for gate_id, skew_ms in skews_ms.items() if abs(skew_ms) < THREE_YEARS_MS
    }
    _apply(self, believed_ms, measured_at_ms, tolerance_ms)


CLOCK_BUGS: Final[dict[str, Bug]] = {
    "history-by-gate": Bug(
        "how far back a history reaches goes by the gates' clocks",
        Engine,
        settling,
        "find_occurred",
        _find_shown,
    ),
    "skew-of-receipt": Bug(
        "the skew of when a tap was received counts, not of when it was made",
        Engine,
        clocks,
        "find_measurement",
        _find_latest,
    ),
    "repaired-by-gate": Bug(
        "what leaves the quarantine is judged by its gate's clock",
        Engine,
        settling,
        "find_repair",
        _repair_by_gate,
    ),
    "terms-by-gate": Bug(
        "a corrected tap keeps what was in force at the time its gate showed",
        Engine,
        settling,
        "make_correction",
        _correct_time_alone,
    ),
    "years-unmarked": Bug(
        "a clock that is more than three years off raises no alarm",
        Engine,
        GateClocks,
        "apply",
        _apply_but_years,
    ),
}
