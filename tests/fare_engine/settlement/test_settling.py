"""Days with taps and reports that came late, and what settlement issues for them."""

from fare_engine.ledger.database import Address
from tests.fare_engine.settlement.settlement_table import check


def test_a_day_in_order_needs_no_adjustment(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  | entry_opened         |
        12:05  FHY-C-02  out  anna  | waived               |
        12:30  FHY-A-01  in   anna  | entry_opened         |
        13:00  CXL-A-01  out  anna  | different_station    |
        14:00  CXL-A-01  out  anna  | no_open_entry        |
        12:00  FHY-A-01  in   ben   | entry_opened         |
        12:01  FHY-A-01  in   ben   | entry_repeated       |
        12:16:00.001  FHY-C-02  out  ben  | window_exceeded |
        """,
    )


def test_a_journey_that_came_late_as_a_whole_is_charged(place: Address) -> None:
    check(
        place,
        """
        12:30  FHY-A-01  in   anna  | entry_opened  |
        12:35  FHY-C-02  out  anna  | waived        |
        12:00  CXL-A-01  in   anna  | late          |
        12:20  FHY-C-02  out  anna  | late          | +400 arrived_late different_station
        """,
    )


def test_a_late_exit_takes_the_entry_from_the_exit_that_had_it(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  | entry_opened       |
        12:40  CXL-A-01  out  anna  | different_station  | -400 decided_again no_open_entry
        12:10  FHY-C-02  out  anna  | late               |
        """,
    )


def test_an_exit_that_stayed_shut_is_waived_once_its_entry_is_known(place: Address) -> None:
    """As if the entry had come in time: nothing was taken, nothing is owed, nothing is missing."""
    check(
        place,
        """
        12:10  FHY-C-02  out  anna  | no_open_entry  |
        18:00  CXL-A-01  in   anna  | entry_opened   |
        18:20  CXL-A-01  out  anna  | charged        |
        12:00  FHY-A-01  in   anna  | late           |
        """,
    )


def test_an_unmatched_exit_that_opened_gives_back_what_it_took_too_much(place: Address) -> None:
    check(
        place,
        """
        12:10  FHY-C-02  out  anna  | no_open_entry  | -200 decided_again same_station_within_window
        12:00  FHY-A-01  in   anna  | late           |
        """,
        unmatched_exit_opens=True,
    )


def test_a_late_entry_makes_no_second_missing_exit(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  | entry_opened      | missing +200 exit_missing entry_opened
        12:30  CXL-A-01  in   anna  | entry_superseded  |
        12:50  FHY-C-02  out  anna  | charged           |
        """,
    )


def test_a_superseded_journey_whose_exit_came_late_has_none_missing(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  | entry_opened      |
        12:30  CXL-A-01  in   anna  | entry_superseded  |
        12:50  FHY-C-02  out  anna  | charged           |
        12:20  CXL-A-01  out  anna  | late              | +400 arrived_late different_station
        """,
    )


def test_a_journey_that_nobody_ended_costs_its_missing_exit(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  | entry_opened  | missing +200 exit_missing entry_opened
        """,
    )


def test_an_expired_journey_is_claimed_once_though_the_next_entry_closed_it(place: Address) -> None:
    check(
        place,
        """
        12:00     FHY-A-01  in   anna  | entry_opened  | missing +200 exit_missing entry_opened
        +1:04:00  FHY-A-01  in   anna  | entry_opened  |
        """,
    )


def test_late_taps_at_one_instant_stand_in_the_order_of_their_ids(place: Address) -> None:
    check(
        place,
        """
        12:30  FHY-A-01  in   anna  | entry_opened  |
        12:35  FHY-C-02  out  anna  | waived        |
        12:00  CXL-A-01  in   anna  | late          |
        12:00  CXL-A-01  out  anna  | late          | +200 arrived_late station_not_in_pilot
        """,
    )


def test_a_gate_alone_that_took_the_right_fare_is_settled(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  offline=open:0    | entry_opened       |
        12:30  CXL-A-01  out  anna  offline=open:400  | different_station  |
        """,
    )


def test_a_gate_alone_that_took_nothing_is_owed_the_fare(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna                  | entry_opened       |
        12:30  CXL-A-01  out  anna  offline=open:0  | different_station  \
            | +400 taken_otherwise different_station
        """,
    )


def test_a_gate_alone_that_charged_a_free_crossing_gives_it_back(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna                    | entry_opened  |
        12:05  FHY-C-02  out  anna  offline=open:200  | waived        \
            | -200 taken_otherwise same_station_within_window
        """,
    )


def test_a_gate_alone_that_opened_an_unmatched_exit_is_owed_its_fare(place: Address) -> None:
    check(
        place,
        """
        12:05  FHY-C-02  out  anna  offline=open:0    | no_open_entry  \
            | +200 taken_otherwise no_open_entry
        14:05  FHY-C-02  out  ben   offline=open:200  | no_open_entry  |
        """,
    )


def test_a_gate_alone_that_stayed_shut_let_nobody_through(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna                    | entry_opened  |
        12:05  FHY-C-02  out  anna  offline=refuse:0  | waived        |
        12:40  FHY-C-02  out  anna                    | charged       |
        """,
    )


def test_a_passage_that_did_not_happen_gives_back_what_was_taken(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna            | entry_opened       \
            | missing +200 exit_missing entry_opened
        12:30  CXL-A-01  out  anna  void=400  | different_station  \
            | -400 not_passed different_station
        """,
    )


def test_a_void_entry_reported_too_late_makes_its_exit_unmatched(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna  void=0  | entry_opened       |
        12:30  CXL-A-01  out  anna          | different_station  | -400 decided_again no_open_entry
        """,
    )


def test_a_void_exit_reported_too_late_leaves_its_entry_to_the_next(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna          | entry_opened   |
        12:05  FHY-C-02  out  anna  void=0  | waived         |
        12:30  CXL-A-01  out  anna          | no_open_entry  \
            | +200 decided_again different_station
        """,
        unmatched_exit_opens=True,
    )


def test_a_gate_tells_afterwards_that_it_took_less(place: Address) -> None:
    check(
        place,
        """
        12:00  FHY-A-01  in   anna                     | entry_opened       |
        12:30  CXL-A-01  out  anna  reported=open:150  | different_station  \
            | +250 taken_otherwise different_station
        """,
    )


def test_a_late_tap_of_a_gate_that_stayed_shut_changes_nothing(place: Address) -> None:
    check(
        place,
        """
        12:30  FHY-A-01  in   anna                    | entry_opened  |
        12:35  FHY-C-02  out  anna                    | waived        |
        12:00  CXL-A-01  in   anna  offline=refuse:0  | late          |
        """,
    )


def test_a_late_crossing_uses_up_the_daily_limit(place: Address) -> None:
    check(
        place,
        """
        12:30  FHY-A-01  in   anna  | entry_opened  |
        12:35  FHY-C-02  out  anna  | waived        | +200 decided_again daily_limit_reached
        12:00  FHY-A-01  in   anna  | late          |
        12:05  FHY-C-02  out  anna  | late          |
        """,
        daily_limit=1,
    )


def test_journeys_over_the_cut_are_settled_with_the_date_of_the_late_tap(place: Address) -> None:
    check(
        place,
        """
        23:00     FHY-A-01  in   anna  | entry_opened       |
        +1:01:00  CXL-A-01  out  anna  | different_station  | -400 decided_again no_open_entry
        23:20     FHY-B-03  out  anna  | late               | +200 arrived_late gate_not_designated
        """,
        journey_expiry_ms=24 * 3_600_000,
    )
