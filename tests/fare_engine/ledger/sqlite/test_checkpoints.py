"""The write-ahead log is folded into the ledger, and starts again at its beginning."""

import sqlite3
from functools import partial

from fare_engine.ledger.sqlite.checkpoints import Checkpointer
from fare_engine.ledger.sqlite.connections import connect
from tests.fare_engine.small_metro import SmallMetro

LOG_BYTES_MAX = 100_000


def test_a_log_that_was_folded_whole_is_written_over_and_does_not_grow(metro: SmallMetro) -> None:
    checkpointer = Checkpointer(partial(connect, metro.path), metro.path)
    metro.enter(0)
    checkpointer._fold_whole()
    log_bytes = checkpointer.log_bytes()
    for minute in range(1, 20):
        metro.enter(minute)
        checkpointer._fold_whole()
    assert checkpointer.log_bytes() == log_bytes
    checkpointer.stop()


def test_a_log_that_a_reader_keeps_grows_and_the_writer_goes_on_until_it_is_released(
    metro: SmallMetro,
) -> None:
    impatient = partial(connect, metro.path, busy_timeout_s=0)
    checkpointer = Checkpointer(
        impatient, metro.path, commits_between=1, log_bytes_max=LOG_BYTES_MAX
    )
    metro.ledger.checkpointer.stop()
    metro.ledger.checkpointer = checkpointer
    reader = sqlite3.connect(f"file:{metro.path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM taps").fetchone()
    taps = 0
    while checkpointer.log_bytes() < 3 * LOG_BYTES_MAX:
        checkpointer._fold_whole()  # as its thread does beside
        taps += 1
        metro.enter(taps % 60)
    assert reader.execute("SELECT count(*) FROM taps").fetchone() == (0,)
    assert 1 <= checkpointer.waits <= 2, "not tried with every commit"
    reader.execute("COMMIT")
    while checkpointer.log_bytes() > LOG_BYTES_MAX:
        taps += 1
        metro.enter(taps % 60)
    assert checkpointer.waits <= 3
    assert reader.execute("SELECT count(*) FROM taps").fetchone() == (taps,)
    reader.close()
