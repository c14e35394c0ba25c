"""Bugs of settlement, which decides again what came late."""

from collections.abc import Iterable
from typing import Final

from fare_engine.engine import Engine
from fare_engine.errors import ClockAhead, TapRefused
from fare_engine.settlement import deciding, quarantine
from fare_engine.settlement.adjustments import Adjustment, Due, Issued, find_differences
from fare_engine.settlement.history import StoredTap
from fare_engine.tap import Report
from simulator.deterministic.judging import settling
from simulator.deterministic.planted.planting import Bug


def _keep_arrival(stored: Iterable[StoredTap]) -> list[StoredTap]:
    return sorted(stored, key=lambda one: one.row)


def _open_all(report: Report | None) -> Report | None:
    return report and report.replace(gate_opened=True)


def _issue_again(token: bytes, dues: Iterable[Due], issued: Issued) -> list[Adjustment]:
    found = find_differences(token, dues, {})
    return [one._replace(nth=_count_issued(one, issued)) for one in found]


def _count_issued(one: Adjustment, issued: Issued) -> int:
    before = issued.get((one.due.row, one.due.kind))
    return 0 if before is None else before.times


def _still_ahead(*_: object) -> TapRefused:
    return ClockAhead("the clock is ahead for ever")


def _no(*_: object) -> bool:
    return False


SETTLEMENT_BUGS: Final[dict[str, Bug]] = {
    "settled-as-arrived": Bug(
        "settlement leaves late taps where they arrived",
        Engine,
        deciding,
        "put_in_order",
        _keep_arrival,
    ),
    "settled-unpassed": Bug(
        "settlement does not ask who passed", Engine, deciding, "_find_passage", _open_all
    ),
    "settled-again": Bug(
        "settlement forgets what it issued", Engine, settling, "find_differences", _issue_again
    ),
    "exit-never-excused": Bug(
        "a missing exit is claimed though gates stood open", Engine, deciding, "is_excused", _no
    ),
    "quarantine-forgotten": Bug(
        "what was repaired stays in quarantine", Engine, quarantine, "check_again", _still_ahead
    ),
}
