"""Whether a tap in quarantine can be decided by now: what it names was repaired meanwhile."""

from collections.abc import Collection
from typing import NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.checks import CheckedTap, Decidable, check_tap
from fare_engine.errors import GateNotYours, MediumIdInvalid, TapRefused, UnknownGate
from fare_engine.journey import Terms
from fare_engine.verdict import Verdict


class Repair(NamedTuple):
    """What a tap that left the quarantine pins."""

    row: int
    station_id: str
    terms: Terms


Stations = Collection[str] | None
"""The stations that the sender of a tap speaks for; None: all, or nobody knows who it was."""


def find_repair(
    catalogue: Catalogue,
    verdict: Verdict,
    skew_ms: int,
    now_ms: int,
    sender_stations: Stations = None,
) -> Repair | None:
    """What a tap in quarantine pins if it leaves now; None while it has to wait.

    `skew_ms` is the error of its gate's clock: what counts is the corrected time.
    """
    tap = verdict.tap.replace(occurred_at_ms=verdict.tap.occurred_at_ms - skew_ms)
    checked = check_again(catalogue, tap, verdict.problem, now_ms, sender_stations)
    if isinstance(checked, TapRefused):
        return None
    return Repair(verdict.row, checked.gate.station_id, checked.terms)


def check_again(
    catalogue: Catalogue,
    tap: CheckedTap,
    first_problem: str | None,
    now_ms: int,
    sender_stations: Stations = None,
) -> Decidable | TapRefused:
    """What still is wrong with a tap in quarantine, or what decides it now.

    Its `occurred_at_ms` is the corrected time, which may not be ahead of the engine's. An id that
    did not fit its medium's pattern was not kept, so it can never be looked at again. A gate that
    nobody knew may turn out to stand where its sender has nothing to say.
    """
    fault = None
    if first_problem == MediumIdInvalid.code:
        fault = MediumIdInvalid("the id did not fit the medium's type, and was not kept")
    checked = check_tap(catalogue, tap, now_ms, fault)
    if (
        isinstance(checked, Decidable)
        and first_problem == UnknownGate.code
        and sender_stations is not None
        and checked.gate.station_id not in sender_stations
    ):
        message = f"the key that sent it does not speak for gate {tap.gate_id}"
        return GateNotYours(message, is_foreign=True)
    return checked
