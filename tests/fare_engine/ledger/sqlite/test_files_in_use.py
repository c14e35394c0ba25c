"""A ledger that is no longer what stands on disk is lost, before what it stored is answered."""

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fare_engine.errors import LedgerLost, LedgerUnavailable
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

Act = Callable[[Path, Path, Path], object]
LATER_MS = NOON_MS + 3_600_000


def replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.rename(path)


def write_over(path: Path) -> None:
    """As `cp` does: the file stays, and what is in it goes."""
    path.write_bytes(bytes(path.stat().st_size))


ACTS: dict[str, Act] = {
    "the ledger is deleted": lambda ledger, _log, _index: ledger.unlink(),
    "the log is deleted": lambda _ledger, log, _index: log.unlink(),
    "the index of the log is deleted": lambda _ledger, _log, index: index.unlink(),
    "the ledger is moved": lambda ledger, _log, _index: ledger.rename(ledger.with_name("moved")),
    "the ledger is replaced": lambda ledger, _log, _index: replace_by_a_copy(ledger),
    "the log is replaced": lambda _ledger, log, _index: replace_by_a_copy(log),
    "the log is cut": lambda _ledger, log, _index: os.truncate(log, 0),
    "the log is cut by a page": lambda _l, log, _i: os.truncate(log, log.stat().st_size - 4_096),
    "the log is cut and filled with zeros": lambda _ledger, log, _index: write_over(log),
    "the ledger is cut": lambda ledger, _l, _i: os.truncate(ledger, ledger.stat().st_size // 2),
    "the directory is moved": lambda ledger, _l, _i: ledger.parent.rename(
        ledger.parent.with_name("moved")
    ),
    "a log of another ledger is put there": lambda _ledger, log, _index: put_another(log),
}


def put_another(log: Path) -> None:
    other = log.with_name("other")
    with closing(sqlite3.connect(other)) as ledger:
        ledger.execute("PRAGMA journal_mode = WAL")
        ledger.execute("CREATE TABLE a AS SELECT randomblob(1000000)")
        log.write_bytes(other.with_name("other-wal").read_bytes())


@pytest.fixture
def metro(tmp_path: Path) -> SmallMetro:
    """With taps in the ledger and more in its log, in a directory of its own."""
    directory = tmp_path / "data"
    directory.mkdir()
    metro = SmallMetro(directory)
    for minute in range(5):
        metro.enter(minute, token=f"{minute}")
    return metro


@pytest.mark.parametrize("name", ACTS)
def test_it_is_noticed_while_no_tap_comes_that(name: str, metro: SmallMetro) -> None:
    path = metro.path
    log, index = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    ACTS[name](path, log, index)
    with pytest.raises(LedgerLost) as lost:
        metro.ledger.check_files()
    assert str(path) in str(lost.value)
    metro.ledger.checkpointer.halt()


@pytest.mark.parametrize("name", ACTS)
def test_no_tap_is_answered_after(name: str, metro: SmallMetro) -> None:
    path = metro.path
    log, index = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    ACTS[name](path, log, index)
    try:
        (result,) = metro.engine.process([metro.tap("FHY-A-01", "entry", 9)], LATER_MS)
    except LedgerLost:
        return
    assert isinstance(result, LedgerUnavailable), "what it has to read is gone"


@pytest.mark.parametrize("name", ACTS)
def test_it_is_noticed_where_the_clock_of_the_file_system_is_too_coarse_to_show_it(
    name: str, metro: SmallMetro
) -> None:
    """Two changes in one tick give the directory the same time; so does this."""
    path = metro.path
    changed_ns = time.time_ns() + 3_600_000_000_000
    os.utime(path.parent, ns=(changed_ns, changed_ns))
    metro.enter(8, token="8")
    log, index = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    ACTS[name](path, log, index)
    if path.parent.exists():
        os.utime(path.parent, ns=(changed_ns, changed_ns))
    with pytest.raises(LedgerLost):
        metro.enter(9, token="9")


def checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path)) as operator:
        operator.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def vacuum(path: Path) -> None:
    with closing(sqlite3.connect(path)) as operator:
        operator.execute("CREATE TABLE large AS SELECT randomblob(1000000)")
        operator.execute("DROP TABLE large")
        operator.execute("VACUUM")
    checkpoint(path)


@pytest.mark.parametrize(
    "act", [checkpoint, vacuum, lambda path: shutil.copy(path, path.with_name("backup"))]
)
def test_what_operators_may_do_is_no_loss(act: Callable[[Path], None], metro: SmallMetro) -> None:
    for minute in range(10, 40):
        act(metro.path)
        metro.ledger.check_files()
        metro.enter(minute, token=f"{minute}")
    assert metro.count("taps") == 35
    metro.ledger.close()


def test_a_log_that_was_deleted_is_folded_into_the_ledger_when_it_is_closed(
    metro: SmallMetro,
) -> None:
    metro.path.with_name(metro.path.name + "-wal").unlink()
    with pytest.raises(LedgerLost) as lost:
        metro.ledger.check_files()
    assert lost.value.may_close
    metro.ledger.close()
    metro.open()
    assert metro.count("taps") == 5
    metro.ledger.close()


def test_a_process_without_a_free_descriptor_has_lost_nothing(metro: SmallMetro) -> None:
    limit = resource.RLIMIT_NOFILE
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (3, hard))
    try:
        metro.ledger.check_files()
        metro.enter(9, token="bela")
        metro.ledger.checkpointer.fold_overdue()
        assert metro.ledger.checkpointer.checkpoints == 1
        metro.ledger.check_files()
    finally:
        resource.setrlimit(limit, (soft, hard))
    metro.ledger.close()
