"""Whether a tap in quarantine can be decided by now: what it names was repaired meanwhile."""

from typing import NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.checks import CheckedTap, Decidable, check_tap
from fare_engine.errors import MediumIdInvalid, TapRefused
from fare_engine.journey import Terms
from fare_engine.verdict import Verdict


class Repair(NamedTuple):
    """What a tap that left the quarantine pins."""

    row: int
    station_id: str
    terms: Terms


def find_repair(catalogue: Catalogue, verdict: Verdict, skew_ms: int, now_ms: int) -> Repair | None:
    """What a tap in quarantine pins if it leaves now; None while it has to wait.

    `skew_ms` is the error of its gate's clock: what counts is the corrected time.
    """
    tap = verdict.tap.replace(occurred_at_ms=verdict.tap.occurred_at_ms - skew_ms)
    checked = check_again(catalogue, tap, verdict.problem, now_ms)
    if isinstance(checked, TapRefused):
        return None
    return Repair(verdict.row, checked.gate.station_id, checked.terms)


def check_again(
    catalogue: Catalogue, tap: CheckedTap, first_problem: str | None, now_ms: int
) -> Decidable | TapRefused:
    """What still is wrong with a tap in quarantine, or what decides it now.

    Its `occurred_at_ms` is the corrected time, which may not be ahead of the engine's. An id that
    did not fit its medium's pattern was not kept, so it can never be looked at again.
    """
    fault = None
    if first_problem == MediumIdInvalid.code:
        fault = MediumIdInvalid("the id did not fit the medium's type, and was not kept")
    return check_tap(catalogue, tap, now_ms, fault)
