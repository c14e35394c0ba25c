"""A fare that no fare can be is recorded, and its adjustment is held: text tables.

The dearest ride of the small metro costs 400, so a gate may say it took 800.
"""

from dataclasses import replace
from datetime import date

import pytest

from fare_engine.ledger.database import Address, open_database, reading
from fare_engine.ledger.stores.adjustments import list_adjustments_in_state, review_adjustment
from fare_engine.settlement.adjustments import State
from fare_engine.tap import Report
from tests.fare_engine.settlement.settlement_table import (
    check,
    format_issue,
    open_metro,
    send_report,
    settle_day,
)
from tests.fare_engine.small_metro import NOON_MS, Metro


@pytest.mark.parametrize(
    ("taken", "issued"),
    [
        (400, ""),
        (799, "-399 taken_otherwise different_station"),
        (800, "-400 taken_otherwise different_station"),
        (801, "held -401 taken_otherwise different_station"),
        (1_000_000, "held -999600 taken_otherwise different_station"),
    ],
)
def test_a_ride_is_held_above_twice_the_highest_fare(
    place: Address, taken: int, issued: str
) -> None:
    check(
        place,
        f"""
        12:00  CXL-A-01  in   anna                        | entry_opened       |
        12:20  FHY-C-02  out  anna  offline=open:{taken}  | different_station  | {issued}
        """,
    )


@pytest.mark.parametrize(
    ("tap", "issued"),
    [
        # an entry, which takes nothing
        (
            "12:00  FHY-A-01  in   anna  offline=open:801 | entry_opened",
            "held -801 taken_otherwise entry_opened",
        ),
        (
            "12:00  FHY-A-01  in   anna  offline=open:800 | entry_opened",
            "-800 taken_otherwise entry_opened",
        ),
        # a gate that stayed shut
        (
            "12:00  FHY-C-02  out  anna  offline=refuse:801 | no_open_entry",
            "held -801 not_passed no_open_entry",
        ),
        # an exit without an entry, which costs the counter's fare
        (
            "12:00  FHY-C-02  out  anna  offline=open:801 | no_open_entry",
            "held -601 taken_otherwise no_open_entry",
        ),
        # what the gate reported later, and that nobody passed
        (
            "12:00  FHY-C-02  out  anna  reported=refuse:801 | no_open_entry",
            "held -801 not_passed no_open_entry",
        ),
        (
            "12:00  FHY-A-01  in   anna  void=801 | entry_opened",
            "held -801 not_passed entry_opened",
        ),
    ],
)
def test_wherever_a_gate_says_so(place: Address, tap: str, issued: str) -> None:
    way_out = "12:05  FHY-C-02  out  anna | waived |" if "in   anna  off" in tap else ""
    check(place, f"{tap} | {issued}\n{way_out}")


def test_a_late_tap_is_held_too(place: Address) -> None:
    check(
        place,
        """
        12:30  FHY-A-01  in   anna                    | entry_opened   |
        12:35  FHY-C-02  out  anna                    | waived         |
        12:00  CXL-A-01  in   anna  offline=open:0    | late           |
        12:20  FHY-C-02  out  anna  offline=open:900  | late           | held -500 arrived_late different_station
        """,  # noqa: E501
    )


def test_what_a_dearer_tariff_takes_at_an_exit_is_no_mistake(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-C-02  out  anna  offline=open:1000  | no_open_entry  |
        12:10  FHY-C-02  out  bea   offline=open:2001  | no_open_entry  | held -1001 taken_otherwise no_open_entry
        """,  # noqa: E501
        unmatched_exit_fare=1_000,
        unmatched_exit_opens=True,
    )


def test_many_fares_that_may_be_are_not_held_for_their_number(place: Address) -> None:
    """Each is a fare that can be: the rule looks at one tap, and the totals show the sum."""
    check(
        place,
        """
        12:00  FHY-C-02  out  anna  offline=open:800  | no_open_entry  | -600 taken_otherwise no_open_entry
        12:10  FHY-C-02  out  anna  offline=open:800  | no_open_entry  | -600 taken_otherwise no_open_entry
        12:20  FHY-C-02  out  anna  offline=open:800  | no_open_entry  | -600 taken_otherwise no_open_entry
        """,  # noqa: E501
    )


def ride(metro: Metro, taken: int) -> None:
    metro.decide(metro.tap("CXL-A-01", "entry", 0, medium_type="qr"))
    tap = metro.tap("FHY-C-02", "exit", 20, medium_type="qr")
    metro.decide(tap.replace(report=Report(True, taken)))


@pytest.mark.parametrize("state", [State.HELD, State.RELEASED, State.REFUSED])
def test_no_later_run_issues_again_what_is_dealt_with(place: Address, state: State) -> None:
    metro = open_metro(place)
    ride(metro, 1_000_000)
    settled = settle_day(metro)
    assert (settled.totals.held, settled.totals.held_fare) == (1, -999_600)
    assert (settled.totals.adjustments, settled.totals.adjusted_fare) == (0, 0)
    if state is not State.HELD:
        reason = "looked at the gate"
        metro.change(
            lambda connection: review_adjustment(connection, 1, state, reason, "test", NOON_MS)
        )
    assert settle_day(metro).issues == []
    database = open_database(metro.address)
    with reading(database) as connection:
        (one,) = list_adjustments_in_state(connection, state, 0, 10)
        assert one.fare == -999_600
        for other in set(State) - {state}:
            assert list_adjustments_in_state(connection, other, 0, 10) == []
    database.dispose()
    metro.ledger.close()


def test_what_is_found_later_of_such_a_tap_is_held_beside_it(place: Address) -> None:
    metro = open_metro(place)
    metro.decide(metro.tap("CXL-A-01", "entry", 0, medium_type="qr"))
    tap = metro.tap("FHY-C-02", "exit", 20, medium_type="qr").replace(report=Report(True, 5_000))
    metro.decide(tap)
    assert [format_issue(one).partition(" ")[2] for one in settle_day(metro).issues] == [
        "held -4600 taken_otherwise different_station"
    ]
    send_report(metro, tap, Report(True, 5_000, passed=False))
    # Nobody passed: the journey is open again, and the rest of what was taken goes back too.
    later = [format_issue(one).partition(" ")[2] for one in settle_day(metro).issues]
    assert "held -400 not_passed different_station" in later
    metro.ledger.close()


def test_the_tariff_of_the_tap_says_what_a_fare_can_be(place: Address) -> None:
    metro = open_metro(place)
    (tariff,) = metro.catalogue.tariffs
    dearer = replace(tariff, version=2, effective_from_ms=NOON_MS, same_station_fare=3_000)
    metro.use(replace(metro.catalogue, tariffs=(tariff, dearer), terms={}))
    for minutes, token in ((-60, "before"), (5, "after")):
        tap = metro.tap("FHY-C-02", "exit", minutes, medium_type="qr", token=token)
        metro.decide(tap.replace(report=Report(True, 5_000)))
    issued = [
        format_issue(one).partition(" ")[2] for one in settle_day(metro, date(2021, 11, 24)).issues
    ]
    assert sorted(issued) == [
        "-4800 taken_otherwise no_open_entry",
        "held -4800 taken_otherwise no_open_entry",
    ]
    metro.ledger.close()
