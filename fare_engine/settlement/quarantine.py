"""Whether a tap in quarantine can be decided by now: what it names was repaired meanwhile."""

from fare_engine.catalogue import Catalogue
from fare_engine.checks import CheckedTap, Decidable, check_tap
from fare_engine.errors import MediumIdInvalid, TapRefused


def check_again(
    catalogue: Catalogue, tap: CheckedTap, first_problem: str | None, now_ms: int
) -> Decidable | TapRefused:
    """What still is wrong with a tap in quarantine, or what decides it now.

    An id that did not fit its medium's pattern was not kept, so it can never be looked at again.
    """
    fault = None
    if first_problem == MediumIdInvalid.code:
        fault = MediumIdInvalid("the id did not fit the medium's type, and was not kept")
    return check_tap(catalogue, tap, now_ms, fault)
