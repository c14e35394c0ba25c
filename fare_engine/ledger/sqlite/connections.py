"""Connections to the embedded ledger's file."""

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

BUSY_TIMEOUT_S: Final = 5.0
"""How long a commit waits for an operator's change to end before its gates decide alone."""


def connect(
    path: Path, *, read_only: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> sqlite3.Connection:
    """A connection with the ledger's settings: write-ahead log, synced at every commit."""
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout_s,
        cached_statements=64,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -131072")  # kibibytes: the indexes of a few days
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # the checkpointer does it beside
    return connection
