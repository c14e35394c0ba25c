"""Judges a scenario that has been played: all is read back, settled, and compared."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from api.views.explanations import explain
from fare_engine.ledger.queries.explanations import Explanation
from simulator.auditor.auditor import Auditor
from simulator.deterministic.judging.invariants import list_lost
from simulator.deterministic.judging.settling import RUNS, settle_day
from simulator.deterministic.stations.client import Wire
from simulator.deterministic.stations.station import Station


class Finding(NamedTuple):
    """Something that is wrong."""

    check: str
    message: str


def list_findings(wire: Wire, stations: Mapping[str, Station]) -> Iterator[Finding]:
    """Read everything back; what is broken beside what the auditor finds."""
    auditor, engines = wire.auditor, wire.engines
    disk, now_ms = engines.disk, engines.now_ms()
    for tap_id in wire.sent:
        _read_back(wire, tap_id, now_ms)
    for station_id, station in stations.items():
        auditor.outbox(f"{station_id}-1", station.list_held())
        for tap_id in station.list_alone():
            if tap_id in disk.tap_ids and disk.tap_ids[tap_id] not in disk.reports:
                yield Finding("report-lost", f"{station_id} decided {tap_id} alone")
        if station.broken is not None:
            yield Finding("upkeep-died", f"{station_id}: {station.broken!r}")
    issued = settle_day(disk, engines.catalogue, now_ms, at_once=len(engines.processes) > 1)
    auditor.settled(issued, now_ms + RUNS[-1][0])
    auditor.finish()
    for found in list_lost(disk, wire.acknowledged, wire.conflicted):
        yield Finding("invariant", found)
    for tap_id in engines.shared.answers.differing:
        yield Finding("invariant", f"answered in two ways: {tap_id}")


def list_audited(auditor: Auditor) -> Iterator[Finding]:
    """What the auditor found."""
    verdict = auditor.verdict
    undecided = "gave-up" in verdict.found
    for found in verdict.findings:
        # Once the auditor has lost its way it says nothing certain of decisions any more.
        if not undecided or found.check == "outbox-not-empty":
            yield Finding(found.check, f"{found.message} [{' '.join(found.tap_ids)}]")


def _read_back(wire: Wire, tap_id: str, now_ms: int) -> None:
    disk, auditor = wire.engines.disk, wire.auditor
    row = disk.tap_ids.get(tap_id)
    if row is None:
        auditor.read_back(tap_id, 404, None, now_ms)
        return
    stored = disk.rows[row]
    explanation = Explanation(
        verdict=stored.verdict,
        entry=None,
        closed_by=None,
        waived_before=None,
        report=disk.reports.get(row),
        conflicts=disk.count_conflicts(row),
        detail=stored.detail or None,
        adjustments=[],
    )
    document = explain(explanation, wire.engines.catalogue.network).model_dump(mode="json")
    auditor.read_back(tap_id, 200, document, now_ms)
