"""Finds out before a start whether the ledger has lost what was acknowledged.

After a process that was cut off the latest taps stand in the write-ahead log alone. SQLite takes a
log that was removed, cut off or damaged for a shorter one, and says nothing. A transaction that was
not yet synced when power failed was not acknowledged either, so an end that does not fit is legal.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fare_engine.errors import LedgerIncomplete, LedgerUnavailable
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.ledger.sqlite.index.tables import read_mark
from fare_engine.ledger.sqlite.log_file import (
    LogFile,
    LogIndex,
    find_log_index,
    name_log,
    name_log_index,
)
from fare_engine.ledger.sqlite.reach import Reached, find_reached, name_reach

STARTS: Final = "starts"
"""The mark of how often an engine opened the ledger. Each start stores it first of all, so that no
log of a ledger in use is without a commit."""

_SCRATCH: Final = ".reading"


class _Contents(NamedTuple):
    """What SQLite makes of the files: how many frames of the log, and how far the ledger reaches.

    `frames` is None where this process has the ledger open: then SQLite shares that index with us.
    `reached` is None where it has no tables of ours, or where there is a `fault`.
    """

    frames: int | None
    reached: Reached | None
    fault: sqlite3.Error | None


class Loss(NamedTuple):
    """What is missing. `is_log_behind`: the ledger's file has later pages than the log."""

    what: str
    is_log_behind: bool


def check_whole(ledger_path: Path) -> None:
    """Raise LedgerIncomplete when what was acknowledged is missing. The directory is locked.

    Nothing is opened by its own name and nothing changed, so that the next try finds the same.
    """
    loss = find_loss(ledger_path)
    if loss is not None:
        raise LedgerIncomplete(
            f"{ledger_path} is not whole: {loss.what}. Put back what is missing or restore a "
            "backup; `fare-engine config accept-loss` goes on without"
        )


def find_loss(ledger_path: Path) -> Loss | None:
    """What is missing in a ledger that nobody uses; None when nothing is.

    LedgerUnavailable when it cannot be read at all.
    """
    if not ledger_path.stat().st_size:
        raise LedgerUnavailable(f"{ledger_path} is empty: restore a backup")
    log_path = name_log(ledger_path)
    index = find_log_index(name_log_index(ledger_path))
    has_log = os.path.lexists(log_path)
    log = LogFile(log_path) if has_log else None
    try:
        contents = _read(ledger_path, log_path if has_log else None)
        loss = None
        if contents.frames is not None:
            loss = _compare(log, index, contents.frames)
    finally:
        if log is not None:
            log.close()
    if loss is not None:
        return loss
    if contents.fault is not None:
        raise LedgerUnavailable(f"{ledger_path} cannot be read: {contents.fault}")
    known = find_reached(name_reach(ledger_path))
    return None if known is None else _compare_reach(known, contents.reached)


def _compare(log: LogFile | None, index: LogIndex | None, stored: int) -> Loss | None:
    """What is missing of a log of which SQLite takes so many frames."""
    salts = None if log is None else log.salts
    if index is not None and index.frames:
        if salts is None:
            if index.folded < index.frames:
                return Loss("its write-ahead log is gone", False)
        elif salts == index.salts:
            if stored < index.frames:
                what = f"its write-ahead log ends at frame {stored} of {index.frames}"
                return Loss(what, index.folded > stored)
        elif _is_earlier(salts, index.salts):
            return Loss("its write-ahead log is an earlier one", True)
    if log is not None and _has_more(log, stored):
        what = f"its write-ahead log is damaged behind frame {stored}, and goes on"
        return Loss(what, index is not None and index.folded > stored)
    return None


def _compare_reach(known: Reached, found: Reached | None) -> Loss | None:
    if found is None:
        return None
    if found.starts < known.starts:
        return Loss(
            f"it was opened {known.starts} times, and knows of {found.starts}: the log is gone, "
            "or the ledger an earlier one",
            False,
        )
    if found.row < known.row:
        return Loss(f"it ends at row {found.row}, and row {known.row} was stored", False)
    return None


def _has_more(log: LogFile, stored: int) -> bool:
    """Whether a transaction stands behind the frames that SQLite takes.

    One transaction may: the last, which was not synced. What was written behind its end proves
    that it was. Frames that a failed transaction left are not behind the end they seem to follow.
    """
    before = None
    salts = log.salts
    for number in range(stored + 1, log.frames + 1):
        frame = log.read_frame(number)
        if salts is None:
            salts = frame.salts  # the first frame is of the latest use of the file
        if frame.salts != salts:
            before = None
            continue
        if before is not None and before.is_commit and log.follows(before, number):
            return True
        before = frame
    return False


def _is_earlier(salts: bytes, other: bytes) -> bool:
    """Whether these salts are of an earlier use of the log: the first one counts the uses."""
    distance = int.from_bytes(other[:4], "big") - int.from_bytes(salts[:4], "big")
    return 0 < distance % 2**32 < 2**31


def _read(ledger_path: Path, log_path: Path | None) -> _Contents:
    reached = fault = None
    frames = 0 if log_path is None else None
    with _linked(ledger_path, log_path) as path:
        index_path = name_log_index(path)
        try:
            with closing(connect(path, read_only=True)) as connection:
                try:
                    reached = _read_reached(connection)
                except sqlite3.Error as error:
                    fault = error
                # A log with damaged pages is indexed all the same.
                if index_path.exists():
                    index = find_log_index(index_path)
                    frames = 0 if index is None else index.frames
        except sqlite3.Error as error:
            fault = error
    return _Contents(frames, reached, fault)


def _read_reached(connection: sqlite3.Connection) -> Reached | None:
    names = "SELECT count(*) FROM sqlite_schema WHERE name IN ('taps', 'ledger_marks')"
    (tables,) = connection.execute(names).fetchone()
    if tables < 2:  # the check of the schema says what it is
        return None
    (row,) = connection.execute("SELECT max(row) FROM taps").fetchone()
    return Reached(read_mark(connection, STARTS), row or 0)


@contextmanager
def _linked(ledger_path: Path, log_path: Path | None) -> Iterator[Path]:
    """The same files by other names: SQLite makes an index of the log there, not over the last."""
    scratch = ledger_path.with_name(_SCRATCH)
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        path = scratch / ledger_path.name
        path.hardlink_to(ledger_path)
        if log_path is not None:
            path.with_name(log_path.name).hardlink_to(log_path)
    except OSError as error:
        raise LedgerUnavailable(
            f"{ledger_path.parent} cannot be written: {error.strerror}"
        ) from error
    try:
        yield path
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
