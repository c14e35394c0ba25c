"""The write-ahead log is folded into the ledger, and starts again at its beginning."""

from fare_engine.ledger.sqlite.checkpoints import Checkpointer
from fare_engine.ledger.sqlite.connections import connect
from tests.fare_engine.small_metro import SmallMetro


def test_a_log_that_was_folded_whole_is_written_over_and_does_not_grow(metro: SmallMetro) -> None:
    checkpointer = Checkpointer(lambda: connect(metro.path), metro.path)
    metro.enter(0)
    checkpointer._fold_whole()
    log_bytes = checkpointer.log_bytes()
    for minute in range(1, 20):
        metro.enter(minute)
        checkpointer._fold_whole()
    assert checkpointer.log_bytes() == log_bytes
