"""Settlement of taps at gates that moved: each belongs to where its gate stood at its true time."""

from collections.abc import Iterator

import pytest

from fare_engine.decision import Reason
from fare_engine.ledger.database import Address
from fare_engine.network import Direction, Gate
from fare_engine.tap import Report
from fare_engine.tariff import MINUTE_MS
from tests.fare_engine.settlement.settlement_table import format_issue, settle_day
from tests.fare_engine.small_metro import NOON_MS, Metro, make_metro
from tests.fare_engine.test_settle import issued, measure, qr, register

OPENED = Report(gate_opened=True, fare_taken=0)
BOTH = frozenset(Direction)


@pytest.fixture
def metro(place: Address) -> Iterator[Metro]:
    metro = make_metro(place)
    yield metro
    metro.ledger.close()


def move(metro: Metro, station_id: str, minutes: float) -> None:
    """Move gate FHY-B-03, so many minutes after noon."""
    from_ms = NOON_MS + round(minutes * MINUTE_MS)
    gate = Gate("FHY-B-03", station_id, BOTH, effective_from_ms=from_ms)
    metro.use(register(metro, gate))


def test_a_late_tap_is_settled_where_its_gate_stood(metro: Metro) -> None:
    """The entry comes after the exit, and after its gate has moved to the station of the exit."""
    exit_ = qr(metro, "CXL-A-01", "exit", 30, report=Report(True, 400))
    entry = qr(metro, "FHY-B-03", "entry", 0, report=OPENED)
    move(metro, "CXL", 60)
    metro.decide_all(exit_)
    late = metro.decide(entry)
    assert (late.decision.reason, late.station_id) == (Reason.ARRIVED_OUT_OF_ORDER, "FHY")
    assert issued(metro) == [], "from FHY to CXL it costs the 4 yuan that the gate took"


@pytest.mark.parametrize(("ahead_min", "due"), [(2, True), (0, False)])
def test_a_tap_of_a_wrong_clock_is_settled_where_its_gate_truly_stood(
    metro: Metro, ahead_min: int, due: bool
) -> None:
    """By its clock the gate was at CXL when she left, truly it was at FHY, where she came from."""
    if ahead_min:
        measure(metro, "FHY-B-03", ahead_min * MINUTE_MS, NOON_MS + 10 * MINUTE_MS)
    move(metro, "CXL", 20)
    entry = qr(metro, "FHY-A-01", "entry", 0)
    exit_ = qr(metro, "FHY-B-03", "exit", 21)
    metro.decide(entry)
    live = metro.decide(exit_)
    assert (live.station_id, live.decision.reason) == ("CXL", Reason.DIFFERENT_STATION)
    outcome = settle_day(metro)
    issues = [format_issue(issue).partition(" ")[2] for issue in outcome.issues]
    expected = live.decision.fare - 200
    assert issues == ([f"-{expected} clock_corrected gate_not_designated"] if due else [])
    assert settle_day(metro).issues == []


def test_a_tap_that_waited_for_its_gate_is_settled_where_it_stood_then(metro: Metro) -> None:
    entry = qr(metro, "CXL-B-09", "entry", 0, report=OPENED)
    assert metro.decide(entry).decision.reason is Reason.RECORDED
    metro.use(register(metro, Gate("CXL-B-09", "CXL", BOTH)))
    later = Gate("CXL-B-09", "FHY", BOTH, effective_from_ms=NOON_MS + MINUTE_MS)
    metro.use(register(metro, later))
    exit_ = qr(metro, "FHY-C-02", "exit", 30, report=Report(True, 200))
    metro.decide(exit_)
    outcome = settle_day(metro)
    assert outcome.repaired == 1
    assert [format_issue(issue).partition(" ")[2] for issue in outcome.issues] == [
        "+200 decided_again different_station"
    ]


def test_a_tap_of_before_its_gate_was_put_up_waits(metro: Metro) -> None:
    entry = qr(metro, "CXL-B-09", "entry", 0, report=OPENED)
    metro.decide(entry)
    from_then = Gate("CXL-B-09", "CXL", BOTH, effective_from_ms=NOON_MS + 1)
    metro.use(register(metro, from_then))
    assert settle_day(metro).repaired == 0
    metro.use(register(metro, Gate("CXL-B-09", "CXL", BOTH, effective_from_ms=NOON_MS)))
    assert settle_day(metro).repaired == 1


def test_what_is_said_of_a_gate_later_moves_no_decided_tap(metro: Metro) -> None:
    metro.decide(qr(metro, "FHY-A-01", "entry", 0))
    first = metro.decide(qr(metro, "FHY-B-03", "exit", 10))
    move(metro, "CXL", -5)
    assert metro.decide(first.tap) == first.replace(replayed=True)
    assert issued(metro) == []
    metro.restart()
    assert metro.decide(first.tap).station_id == "FHY"
