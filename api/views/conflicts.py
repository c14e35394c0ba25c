"""Turns conflicts into what operators read of them."""

from collections.abc import Mapping
from typing import Any, Final, cast

from api.contract.conflicts import ConflictAnswer, ConflictReport, ConflictTap
from api.contract.times import format_ms
from api.views.explanations import view_action
from fare_engine.ledger.queries.conflicts import TAP, StoredConflict

_NAMES: Final = {"occurred_at_ms": "occurred_at", "gate_opened": "gate_action_taken"}
"""Fields that the contract calls by another name."""


def view_conflict(conflict: StoredConflict, zone: str) -> ConflictAnswer:
    """One conflict: what was sent, and what stood there."""
    sent, first, is_tap = conflict.sent, conflict.first, conflict.kind == TAP
    return ConflictAnswer(
        conflict_id=conflict.conflict,
        kind=cast("Any", conflict.kind),
        tap_id=conflict.tap_id,
        received_at=format_ms(conflict.received_at_ms, zone),
        sender=conflict.sender,
        differs=cast("Any", [_NAMES.get(name, name) for name in conflict.differs]),
        sent_tap=_view_tap(sent, zone) if is_tap else None,
        first_tap=_view_tap(first, zone) if is_tap and first is not None else None,
        sent_report=None if is_tap else _view_report(sent),
        first_report=None if is_tap or first is None else _view_report(first),
    )


def _view_tap(tap: Mapping[str, Any], zone: str) -> ConflictTap:
    offline = tap.get("offline")
    return ConflictTap(
        gate_id=tap["gate_id"],
        station_id=tap["station_id"],
        direction=tap["direction"],
        medium_type=tap["medium_type"],
        occurred_at=format_ms(tap["occurred_at_ms"], zone),
        offline=None if offline is None else _view_report(offline),
    )


def _view_report(report: Mapping[str, Any]) -> ConflictReport:
    return ConflictReport(
        gate_action_taken=view_action(report["gate_opened"]),
        fare_taken=report["fare_taken"],
        passed=report["passed"],
        cause=report["cause"],
    )
