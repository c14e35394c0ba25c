"""The reader of text tables says what is wrong, and in which line."""

import pytest

from tests.fare_engine.rule_table import Mismatch, check
from tests.fare_engine.rule_words import TableError


def test_a_table_that_is_right_passes_and_returns_the_states() -> None:
    states = check(
        """
        # time         gate    medium       | reason                      fare waived
        08:15:30.120   A1 in   tianfutong:1 | entry_opened
        08:30:30.120   C2 out  tianfutong:1 | same_station_within_window  0    180   # a remark
        08:31          A1 in   qr:7         | entry_opened
        """
    )
    assert set(states) == {"tianfutong:1", "qr:7"}
    assert states["tianfutong:1"].open is None
    assert states["qr:7"].open is not None


@pytest.mark.parametrize(
    ("outcome", "difference"),
    [
        ("no_open_entry", "reason is entry_opened, not no_open_entry; gate is open, not shut"),
        ("entry_opened 200", "fare is 0, not 200"),
        ("entry_opened 0 180", "waived is 0, not 180"),
        ("entry_opened +++++", r"conditions is \.\.\.\.\., not \+\+\+\+\+"),
        ("entry_opened gate=shut", "gate is open, not shut"),
        ("entry_opened closing=expired", "closing is nothing, not expired"),
        ("entry_opened incomplete=180", "incomplete is 0, not 180"),
        ("entry_opened entry=08:00", r"entry is None, not 2021-11-24T08:00:00\.000"),
        ("entry_opened policy=2", "policy is 1, not 2"),
        ("entry_opened tariff=2", "tariff is 1, not 2"),
    ],
)
def test_each_fact_of_a_decision_is_compared(outcome: str, difference: str) -> None:
    with pytest.raises(Mismatch, match=f"line 1: .*\n.*{difference}"):
        check(f"08:15 A1 in qr:1 | {outcome}")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("08:15 A1 in qr:1", "wants its outcome"),
        ("08:15 A1 in qr:1 |", "wants its outcome"),
        ("08:15 A1 in | entry_opened", "wants a time, a gate, in or out, and a medium"),
        ("8h15 A1 in qr:1 | entry_opened", "'8h15' is no time"),
        ("08:75 A1 in qr:1 | entry_opened", "'08:75' is no time"),
        ("08:15 Z9 in qr:1 | entry_opened", "unknown gate 'Z9'; known: A1 A2"),
        ("08:15 A1 through qr:1 | entry_opened", "'through' is neither in nor out"),
        ("08:15 A1 in 3104870 | entry_opened", "'3104870' is no medium"),
        ("08:15 A1 in qr:1 offline=maybe | entry_opened", "'maybe' is none of open, refuse"),
        ("08:15 A1 in qr:1 online | entry_opened", "'online' is not understood"),
        ("08:15 A1 in qr:1 refusal=tired | entry_opened", "'tired' is no reason"),
        ("08:15 A1 in qr:1 | welcome", "'welcome' is no reason; known: entry_opened"),
        ("08:15 A1 in qr:1 | entry_opened 1 2 3", "what is '3'"),
        ("08:15 A1 in qr:1 | entry_opened ++-", "'\\+\\+-' is no five conditions"),
        ("08:15 A1 in qr:1 | entry_opened gate=ajar", "'ajar' is none of open, shut"),
        ("08:15 A1 out qr:1 | window_exceeded 200", "wants its conditions"),
        ("polcy 2 window=600", "'polcy' is neither a time nor one of date, policy"),
        ("policy window=600", "'window=600' is no whole number"),
        ("policy", "'policy' wants other words"),
        ("policy 2 windows=600", "'windows=600' is not understood here; known: from= to= window="),
        ("policy 2 window=soon", "'soon' is no duration"),
        ("policy 2 from=noon", "'noon' is no time of day"),
        ("tariff 2 unmatched_exit=ajar", "'ajar' is neither open nor shut"),
        ("tariff 2 discounts=qr:many", "'many' is no whole number"),
        ("date tomorrow", "'date' wants other words"),
        ("resumed 08:20", "FHY is not suspended"),
        ("fare FHY JRC", "'fare' wants other words"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_number(line: str, complaint: str) -> None:
    with pytest.raises(TableError, match=f"line 3: .*\n.*({complaint})"):
        check(f"# a remark\n\n{line}")


@pytest.mark.parametrize(
    "line", ["policy 1 window=600", "tariff 1 max_stay=60min", "fare FHY JRC 450"]
)
def test_what_is_published_is_not_edited_once_a_tap_was_decided(line: str) -> None:
    with pytest.raises(TableError, match="is published: publish a new version"):
        check(f"08:15 A1 in qr:1 | entry_opened\n{line}")


def test_a_tap_before_the_first_tariff_cannot_be_decided() -> None:
    with pytest.raises(TableError, match=r"line 2: .*\nno tariff is in force"):
        check("tariff 1 from=09:00\n08:59:59.999 A1 in qr:1 | entry_opened")
