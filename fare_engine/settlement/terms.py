"""What a stored tap is decided again by: its terms, its gate's place, and its clock's error."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing
from fare_engine.journey import Terms
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import Repair
from fare_engine.tap import Report
from fare_engine.verdict import Verdict

FindSkew = Callable[[str, int], int | None]
"""How far a gate's clock was ahead by the latest measurement up to an instant, if there is one."""


class ChainPlace(NamedTuple):
    """Where a tap stands in its token's chain (`StoredTap`)."""

    number: int | None
    previous_row: int | None


def make_stored(
    catalogue: Catalogue,
    verdict: Verdict,
    place: ChainPlace,
    report: Report | None,
    repair: Repair | None = None,
) -> StoredTap:
    """A tap as it is decided again; `repair` is there for one that left the quarantine.

    Its gate stands where it stood at the tap, wherever it stands by now.
    """
    tap, decision = verdict.tap, verdict.decision
    station_id = verdict.station_id if repair is None else repair.station_id
    assert station_id is not None, f"{tap.tap_id} waits in quarantine"
    terms = get_terms(catalogue, verdict, station_id) if repair is None else repair.terms
    gate = catalogue.gates[tap.gate_id].at(tap.occurred_at_ms)
    if gate.station_id != station_id:
        gate = replace(gate, station_id=station_id)
    reason, fare, decided_at_ms = decision.reason, decision.fare, verdict.decided_at_ms
    return StoredTap(
        verdict.row, tap, gate, terms, reason, fare, report, *place, decided_at_ms=decided_at_ms
    )


def place_at_true_time(catalogue: Catalogue, stored: StoredTap, skew_ms: int) -> StoredTap:
    """The tap where its gate stood at its true time, if that is elsewhere than at its clock's.

    A tap whose decision keeps another station than its clock's is left alone: what was said of the
    gate since then does not change it.
    """
    gate, at_ms = catalogue.gates[stored.tap.gate_id], stored.tap.occurred_at_ms
    if not gate.earlier or gate.at(at_ms).station_id != stored.gate.station_id:
        return stored
    there = gate.at(at_ms - skew_ms)
    if there.station_id == stored.gate.station_id:
        return stored
    terms = catalogue.find_terms(there.station_id, at_ms - skew_ms) or stored.terms
    return stored._replace(gate=there, terms=terms)


def get_terms(catalogue: Catalogue, verdict: Verdict, station_id: str) -> Terms:
    """The terms of the tap itself: an exit that consumed an entry read those of the entry.

    Degraded modes are those that were read then; what was recorded afterwards does not count.
    """
    decision = verdict.decision
    pinned = decision.terms
    if pinned is not None and decision.closing is not Closing.CONSUMED:
        version = pinned.policy.version if pinned.policy else None
        key = station_id, version, pinned.suspended, pinned.tariff.version, decision.modes
        return catalogue.get_terms(key)
    terms = catalogue.find_terms(station_id, verdict.tap.occurred_at_ms) or pinned
    assert terms is not None, f"{verdict.tap.tap_id} was decided without a tariff"
    return terms if terms.modes == decision.modes else replace(terms, modes=decision.modes)


def find_skew(verdict: Verdict, find_measured: FindSkew) -> int | None:
    """How far the clock of a suspect gate was ahead when it tapped; None where nobody knows.

    A tap that its gate uploaded later is older than its receipt: for it counts what was measured by
    its own time, where anything was.
    """
    if not verdict.decision.clock_suspect:
        return None
    tap = verdict.tap
    if tap.report is not None:
        skew_ms = find_measured(tap.gate_id, tap.occurred_at_ms)
        if skew_ms is not None:
            return skew_ms
    return find_measured(tap.gate_id, verdict.received_at_ms)
