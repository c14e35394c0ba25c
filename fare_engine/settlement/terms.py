"""What a stored tap is decided again by: its terms, its gate's place, and its corrected time."""

from dataclasses import replace
from typing import NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing
from fare_engine.journey import Terms
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import Repair
from fare_engine.tap import Report
from fare_engine.verdict import Verdict


class Correction(NamedTuple):
    """A tap whose gate's clock was wrong: by how much it was ahead, and what the tap pins for it.

    `station_id` and `terms` are those by which it is decided again.
    """

    row: int
    skew_ms: int
    station_id: str
    terms: Terms


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
    correction: Correction | None = None,
) -> StoredTap:
    """A tap as it is decided again; `repair` is there for one that left the quarantine.

    `correction` is there for one whose gate's clock was wrong. Its gate stands where it stood at
    the tap, wherever it stands by now.
    """
    tap, decision, skew_ms = verdict.tap, verdict.decision, 0
    pin = correction or repair
    station_id = verdict.station_id if pin is None else pin.station_id
    assert station_id is not None, f"{tap.tap_id} waits in quarantine"
    terms = get_terms(catalogue, verdict, station_id) if pin is None else pin.terms
    if correction is not None:
        skew_ms = correction.skew_ms
        tap = tap.replace(occurred_at_ms=tap.occurred_at_ms - skew_ms)
    gate = catalogue.gates[tap.gate_id].at(tap.occurred_at_ms)
    if gate.station_id != station_id:
        gate = replace(gate, station_id=station_id)
    reason, fare, decided_at_ms = decision.reason, decision.fare, verdict.decided_at_ms
    return StoredTap(
        verdict.row, tap, gate, terms, reason, fare, report, *place, decided_at_ms, skew_ms
    )


def make_correction(
    catalogue: Catalogue, verdict: Verdict, skew_ms: int, repair: Repair | None = None
) -> Correction | None:
    """What a tap pins whose gate's clock was ahead by so much (behind: negative); None for 0.

    What it pinned when it was decided stays, unless something else was in force at its corrected
    time than at its gate's, or its gate stood elsewhere then: that counts, as it would have counted
    with a clock that was right.
    """
    if not skew_ms:
        return None
    if repair is not None:  # it was found at the corrected time
        return Correction(verdict.row, skew_ms, repair.station_id, repair.terms)
    own_id = verdict.station_id
    assert own_id is not None, f"{verdict.tap.tap_id} waits in quarantine"
    at_gate_ms = verdict.tap.occurred_at_ms
    corrected_ms = at_gate_ms - skew_ms
    by_gate = catalogue.find_terms(own_id, at_gate_ms)
    gate = catalogue.gates[verdict.tap.gate_id]
    station_id = own_id
    if gate.at(at_gate_ms).station_id == own_id:  # else it was moved in hindsight
        station_id = gate.at(corrected_ms).station_id
    terms = catalogue.find_terms(station_id, corrected_ms)
    if terms is None or terms is by_gate:
        terms = get_terms(catalogue, verdict, own_id)
    return Correction(verdict.row, skew_ms, station_id, terms)


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
