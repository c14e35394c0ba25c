"""The disks of stations: databases in memory, emptied and used again by the next seed.

A database that is used again knows its statements already, which is a quarter of what it costs.
"""

import sqlite3
from typing import Final

_TABLES: Final = (
    "sequences",
    "reports",
    "taps",
    "states",
    "parameters",
    "modes",
    "sqlite_sequence",
)
_free: Final[list[sqlite3.Connection]] = []


def take_disk() -> sqlite3.Connection:
    """A disk with nothing on it, or with empty tables."""
    if _free:
        return _free.pop()
    disk = sqlite3.connect(":memory:", isolation_level=None)
    disk.execute("PRAGMA foreign_keys = ON")
    return disk


def give_back_disk(disk: sqlite3.Connection) -> None:
    """It is not needed any more: all that stands on it is forgotten."""
    disk.execute("BEGIN")
    for table in _TABLES:
        disk.execute(f"DELETE FROM {table}")
    disk.execute("COMMIT")
    _free.append(disk)
