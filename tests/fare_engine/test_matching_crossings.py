"""Crossings: free when all five conditions hold; all five are told when one does not."""

import pytest

from tests.fare_engine.rule_table import check


def test_a_crossing_within_the_window_is_waived() -> None:
    check(
        """
        08:15:30.120  A1 in   tianfutong:1  | entry_opened
        08:19:02.480  C2 out  tianfutong:1  | same_station_within_window 0 180 +++++ policy=1
        08:15:30.120  A1 in   qr:1          | entry_opened
        08:19:02.480  C2 out  qr:1          | same_station_within_window 0 200 +++++ policy=1
        """
    )


def test_the_window_is_inclusive_to_the_millisecond() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:14:59.999  C1 out  qr:1  | same_station_within_window 0 200
        08:00:00.000  A1 in   qr:2  | entry_opened
        08:15:00.000  C1 out  qr:2  | same_station_within_window 0 200
        08:00:00.000  A1 in   qr:3  | entry_opened
        08:15:00.001  C1 out  qr:3  | window_exceeded 200 0 +++-+
        """
    )


@pytest.mark.parametrize(
    ("window", "last_free", "first_charged"),
    [
        ("0", "08:00:00.000", "08:00:00.001"),
        ("10min", "08:10:00.000", "08:10:00.001"),
        ("30min", "08:30:00.000", "08:30:00.001"),
        ("4h", "12:00:00.000", None),
    ],
)
def test_the_window_is_the_one_of_the_policy(
    window: str, last_free: str, first_charged: str | None
) -> None:
    check(
        f"""
        policy 1 window={window}
        08:00:00.000  A1 in   qr:1  | entry_opened
        {last_free}   C1 out  qr:1  | same_station_within_window 0 200
        """
    )
    outcome = "window_exceeded 200 0 +++-+" if first_charged else "overstay 900"
    check(
        f"""
        policy 1 window={window}
        08:00:00.000  A1 in   qr:1  | entry_opened
        {first_charged or "12:00:00.001"}  C1 out  qr:1  | {outcome}
        """
    )


def test_an_exit_slightly_before_its_entry_took_no_time() -> None:
    check(
        """
        policy 1 window=0
        08:00:30.000  A1 in   qr:1  | entry_opened
        08:00:00.000  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


@pytest.mark.parametrize(
    ("world", "entry", "exit_", "outcome"),
    [
        ("", "J1", "J2", "station_not_in_pilot 200 0 -...."),
        ("policy 1 from=09:00", "A1", "C1", "station_not_in_pilot 200 0 -...."),
        ("suspended 07:00..09:00", "A1", "C1", "station_not_in_pilot 200 0 -++++"),
        ("policy 1 media=tianfutong", "A1", "C1", "medium_not_eligible 200 0 +-+++"),
        ("policy 1 media=", "A1", "C1", "medium_not_eligible 200 0 +-+++"),
        ("", "D1", "C1", "gate_not_designated 200 0 ++-++"),
        ("", "A1", "D1", "gate_not_designated 200 0 ++-++"),
        ("", "D1", "D2", "gate_not_designated 200 0 ++-++"),
        ("policy 1 designated=", "A1", "C1", "gate_not_designated 200 0 ++-++"),
        ("policy 1 window=4min", "A1", "C1", "window_exceeded 200 0 +++-+"),
        ("policy 1 daily_limit=0", "A1", "C1", "daily_limit_reached 200 0 ++++-"),
    ],
)
def test_each_condition_alone_charges_and_names_itself(
    world: str, entry: str, exit_: str, outcome: str
) -> None:
    check(
        f"""
        {world}
        08:00:00.000  {entry} in   qr:1  | entry_opened
        08:05:00.000  {exit_} out  qr:1  | {outcome}
        """
    )


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("media", ["qr", "tianfutong"])
@pytest.mark.parametrize("gates", [("A1", "C1"), ("A1", "D1"), ("D1", "C1")])
@pytest.mark.parametrize("minutes", [15, 16])
@pytest.mark.parametrize("limit", [1, 0])
def test_all_five_are_told_and_the_first_that_failed_is_named(
    suspended: bool, media: str, gates: tuple[str, str], minutes: int, limit: int
) -> None:
    held = [not suspended, media == "qr", gates == ("A1", "C1"), minutes == 15, limit == 1]
    reasons = [
        "station_not_in_pilot",
        "medium_not_eligible",
        "gate_not_designated",
        "window_exceeded",
        "daily_limit_reached",
    ]
    marks = "".join("+" if one else "-" for one in held)
    waived = f"same_station_within_window 0 200 {marks}"
    outcome = waived if all(held) else f"{reasons[held.index(False)]} 200 0 {marks}"
    check(
        f"""
        policy 1 media={media} daily_limit={limit}
        {"suspended 07:00.." if suspended else ""}
        08:00:00.000          {gates[0]} in   qr:1  | entry_opened
        08:{minutes}:00.000   {gates[1]} out  qr:1  | {outcome}
        """
    )


def test_out_through_the_gate_she_came_in_by_is_a_crossing_too() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:05:00.000  A1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_a_policy_speaks_for_its_own_station_only() -> None:
    check(
        """
        policy 1 station=JRC designated=J1,C1
        suspended 08:04.. station=JRC
        08:00:00.000  J1 in   qr:1  | entry_opened
        08:05:00.000  J2 out  qr:1  | gate_not_designated 200 0 ++-++
        08:06:00.000  J1 in   qr:1  | entry_opened
        08:07:00.000  J1 out  qr:1  | station_not_in_pilot 200 0 -++++
        08:08:00.000  A1 in   qr:1  | entry_opened
        08:09:00.000  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_another_station_is_no_crossing_and_asks_no_condition() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:05:00.000  J1 out  qr:1  | different_station 300 0 .....
        """
    )


def test_a_policy_may_take_one_medium_and_not_the_other() -> None:
    check(
        """
        policy 1 media=qr
        08:00:00.000  A1 in   qr:1          | entry_opened
        08:05:00.000  C1 out  qr:1          | same_station_within_window 0 200
        08:00:00.000  A1 in   tianfutong:1  | entry_opened
        08:05:00.000  C1 out  tianfutong:1  | medium_not_eligible 180 0 +-+++
        """
    )
