"""What a batch says to a ledger: which numbers it has read, and which states it has moved."""

from fare_engine.batch import Submission
from fare_engine.ports import Changes
from fare_engine.tap import Report, Tap
from tests.fare_engine.small_metro import NOON_MS, SmallMetro, decide_batch, make_token

ANNA, BERTA = make_token("anna"), make_token("berta")
TURNED_BACK = Report(gate_opened=True, fare_taken=0, passed=False)


def make_changes(metro: SmallMetro, *taps: Tap) -> Changes:
    """What a batch of these taps has to store."""
    metro.engine.offer(Submission(taps, NOON_MS, lambda _: None))
    batch = decide_batch(metro.engine, NOON_MS)
    assert batch is not None
    return batch.changes


def test_a_token_that_was_not_seen_is_read_at_number_0_and_moved(metro: SmallMetro) -> None:
    changes = make_changes(metro, metro.tap("FHY-A-01", "entry"))
    assert changes.read == {ANNA: 0}
    assert changes.moved == changes.left
    assert changes.moved[ANNA].number == 1


def test_several_taps_of_a_token_are_one_move_from_what_was_read(metro: SmallMetro) -> None:
    metro.enter(0)
    changes = make_changes(
        metro, metro.tap("FHY-C-02", "exit", 1), metro.tap("FHY-A-01", "entry", 3)
    )
    assert changes.read == {ANNA: 1}
    assert changes.moved[ANNA].number == 3


def test_a_late_tap_reads_a_number_and_moves_nothing(metro: SmallMetro) -> None:
    metro.enter(2)
    late = metro.tap("FHY-A-01", "entry", 0)
    changes = make_changes(metro, late, metro.tap("FHY-A-01", "entry", 0, token="berta"))
    assert changes.read == {ANNA: 1, BERTA: 0}
    assert changes.moved.keys() == {BERTA}


def test_an_exit_at_a_gate_that_stays_shut_is_read_and_moves_nothing(metro: SmallMetro) -> None:
    changes = make_changes(metro, metro.tap("FHY-C-02", "exit"))
    assert changes.read == {ANNA: 0}
    assert changes.moved == {}


def test_a_report_that_takes_a_tap_back_moves_its_token(metro: SmallMetro) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    changes = make_changes(metro, tap.replace(report=TURNED_BACK))
    assert changes.taps == ()
    assert changes.read == {ANNA: 1}
    assert changes.moved[ANNA].number == 2


def test_it_carries_the_version_that_it_was_decided_by(metro: SmallMetro) -> None:
    changes = make_changes(metro, metro.tap("FHY-A-01", "entry"))
    assert changes.version == metro.published.version
    assert changes.is_taps_alone()
