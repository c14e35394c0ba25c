"""What the auditor says of gates that decided by themselves."""

from typing import Any, Final

import pytest

from simulator.auditor.alone import AloneTap, Use, list_wrong
from simulator.auditor.moments import format_moment
from simulator.auditor.requests import RideCode

NOON_MS: Final = 1_637_726_400_000
GOOD: Final = RideCode("anna", NOON_MS, "61a0.app.00", True)
FORGED: Final = GOOD._replace(valid=False)
TAP: Final = AloneTap("FHY-A-01.1", "entry", NOON_MS, "aa", None, True, "entry_opened", ())
CODE: Final = TAP._replace(code="RC1:X")
LET_THROUGH, TURNED_AWAY = ["alone-let-through"], ["alone-turned-away"]


def knew(blocked: tuple[str, ...] = (), mode: str | None = None) -> dict[str, Any]:
    """The parameters that a station had, as far as they are asked for."""
    modes = [
        {"mode": mode, "effective_from": format_moment(NOON_MS), "effective_to": None},
    ]
    rules = {
        "ride_code_validity_seconds": 30,
        "clock_skew_tolerance_seconds": 30,
        "reentry_grace_seconds": 20,
        "reexit_grace_seconds": 10,
    }
    return {
        "blocked": list(blocked),
        "tariffs": [{"rules": rules}],
        "stations": [{"degraded_modes": modes if mode else []}],
    }


def used(direction: str, seconds_before: float) -> AloneTap:
    return CODE._replace(uses=(Use(direction, NOON_MS - round(seconds_before * 1_000)),))


@pytest.mark.parametrize(
    ("tap", "facts", "checks"),
    [
        (TAP, None, []),
        (CODE, GOOD, []),
        (CODE, FORGED, LET_THROUGH),
        (CODE, None, LET_THROUGH),
        (CODE._replace(at_ms=NOON_MS + 60_000), GOOD, []),
        (CODE._replace(at_ms=NOON_MS + 60_001), GOOD, LET_THROUGH),
        (CODE._replace(at_ms=NOON_MS - 60_001), GOOD, LET_THROUGH),
        (used("entry", 20), GOOD, []),
        (used("entry", 20.001), GOOD, LET_THROUGH),
        (used("exit", 1), GOOD, LET_THROUGH),
        (used("exit", 1)._replace(opened=False, reason="ride_code_replayed"), GOOD, []),
        (CODE._replace(opened=False, reason="ride_code_replayed"), GOOD, TURNED_AWAY),
        (CODE._replace(opened=False, reason="ride_code_invalid"), GOOD, []),
    ],
)
def test_ride_codes_are_held_to_what_is_true_of_them(
    tap: AloneTap, facts: RideCode | None, checks: list[str]
) -> None:
    assert [check for check, _ in list_wrong(tap, knew(), facts)] == checks


@pytest.mark.parametrize(
    ("tap", "checks"),
    [
        (TAP, LET_THROUGH),
        (TAP._replace(direction="exit"), []),
        (TAP._replace(opened=False, reason="medium_blocked"), []),
        (TAP._replace(direction="exit", opened=False, reason="medium_blocked"), TURNED_AWAY),
        (TAP._replace(medium="bb", opened=False, reason="medium_blocked"), TURNED_AWAY),
    ],
)
def test_a_blocked_medium_opens_no_gate_at_entries(tap: AloneTap, checks: list[str]) -> None:
    assert [check for check, _ in list_wrong(tap, knew(blocked=("aa",)), None)] == checks


@pytest.mark.parametrize(
    ("mode", "checks"), [("entry_free", []), ("emergency", []), ("exit_free", LET_THROUGH)]
)
def test_gates_that_stand_open_let_everybody_in(mode: str, checks: list[str]) -> None:
    assert [check for check, _ in list_wrong(TAP, knew(("aa",), mode), None)] == checks


def test_a_station_without_parameters_is_held_to_the_signature_and_to_copies_alone() -> None:
    assert list_wrong(CODE._replace(at_ms=NOON_MS + 90_000), None, GOOD) == []
    assert list_wrong(CODE, None, FORGED) != []
    assert list_wrong(used("entry", 1), None, GOOD) != []
