"""How far the ledger must reach: the last row that was stored, written beside it by every commit.

Whatever happens to the write-ahead log, by this a start finds out that rows are missing: the log
may be removed together with all that shows that it was there. Never synced, so it costs a commit
one write to memory: after a power failure it may be behind the ledger, and is never ahead of it.
"""

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

from fare_engine.errors import FileInvalid
from fare_engine.ledger.files import give_to_owner, open_file, read_file

_WIDTH: Final = 64


class Reached(NamedTuple):
    """How often the ledger was opened by an engine, and the last row that was stored."""

    starts: int
    row: int


def name_reach(ledger_path: Path) -> Path:
    """Where it stands beside a ledger: `ledger.reach`."""
    return ledger_path.with_suffix(".reach")


def find_reached(path: Path) -> Reached | None:
    """What was written last; None where nothing was, or power failed before it was on the disk."""
    if not os.path.lexists(path):
        return None
    content = read_file(path, _WIDTH).rstrip(b"\0 \n")
    if not content:
        return None
    try:
        fields = json.loads(content)
        return Reached(int(fields["starts"]), int(fields["row"]))
    except (ValueError, KeyError, TypeError):
        raise FileInvalid(
            f"{path} must say how far the ledger reaches, as the engine wrote it; once the "
            "ledger is known to be whole, remove the file"
        ) from None


class Reach:
    """Marks how far the ledger reaches. Not shared between threads."""

    def __init__(self, path: Path, reached: Reached) -> None:
        self._starts, self._row = reached
        self._descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
        give_to_owner(self._descriptor, path.parent)
        self._write()

    def committed(self, row: int) -> None:
        """This row is durable; called after every commit of taps."""
        self._row = row
        self._write()

    def close(self) -> None:
        """Write the last row, and close the file."""
        self._write()
        os.close(self._descriptor)

    def _write(self) -> None:
        content = b'{"starts": %d, "row": %d}' % (self._starts, self._row)
        try:  # noqa: SIM105 - `suppress` would cost every commit as much as the rest
            os.pwrite(self._descriptor, content.ljust(_WIDTH), 0)
        except OSError:
            pass  # A disk that is full keeps what stood there.
