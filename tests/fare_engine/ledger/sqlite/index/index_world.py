"""An index over a file of its own, driven step by step as the ledger drives it, with a model."""

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fare_engine.ledger.database import open_database
from fare_engine.ledger.schema import ledger_marks, metadata, tap_ids, taps, token_rows
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.ledger.sqlite.index.background import Steps
from fare_engine.ledger.sqlite.index.sizes import IndexSizes
from fare_engine.ledger.sqlite.index.tables import FORGOTTEN_THROUGH, MERGED_THROUGH, read_mark
from fare_engine.ledger.sqlite.index.tap_index import TapIndex

SMALL = IndexSizes(
    run_rows=8,
    burst_rows=6,
    idle_rows=3,
    at_once_rows=4,
    read_rows=3,
    prefixes_max=3,
    token_slots=16,
    forget_rows=3,
)
_COLUMNS = ("row", "tap_id", "token", "number")
_DEFAULTS = [
    column.name for column in taps.columns if not column.nullable and column.name not in _COLUMNS
]
_INSERT = (
    f"INSERT INTO taps ({', '.join((*_COLUMNS, *_DEFAULTS))})"
    f" VALUES (?, ?, ?, ?{', 0' * len(_DEFAULTS)})"
)


class ManualTask:
    """Work that goes on when a test says so, where a thread would do it."""

    def __init__(self, _name: str, steps: Steps) -> None:
        self._steps = steps
        self.is_running = True

    def step(self) -> None:
        """Do one step of it."""
        if self.is_running:
            self.is_running = next(self._steps, self) is not self

    def wait(self) -> None:
        """Do all that is left."""
        while self.is_running:
            self.step()

    def stop(self) -> None:
        """Do no more of it."""
        self._steps.close()
        self.is_running = False


class Row(NamedTuple):
    """A row of `taps`, as far as an index looks at it."""

    row: int
    tap_id: str
    token: bytes
    number: int | None


class Model:
    """What is stored, in plain dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.tap_ids: dict[str, int] = {}
        self.latest: dict[bytes, int] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """These are stored."""
        for row in rows:
            self.rows[row.row] = row
            self.tap_ids[row.tap_id] = row.row
            if row.number is not None:
                self.latest[row.token] = row.row

    def forget(self, through_row: int) -> None:
        """Rows up to one are stored no more."""
        self.tap_ids = {key: row for key, row in self.tap_ids.items() if row > through_row}
        self.latest = {key: row for key, row in self.latest.items() if row > through_row}
        self.rows = {place: row for place, row in self.rows.items() if place > through_row}


class IndexWorld:
    """An index, its file and its connections; what it starts waits for `step`."""

    def __init__(self, sizes: IndexSizes = SMALL) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.path = Path(self._directory.name, "ledger.sqlite3")
        self.path.write_bytes(_make_file())
        self.sizes = sizes
        self.model = Model()
        self.next_row = 1
        self.numbers: dict[bytes, int] = {}
        self.open()

    def open(self) -> None:
        """Start on what the file holds."""
        self.tasks: list[ManualTask] = []
        self.writer, self.reader = self.connect(), self.connect()
        self.index = TapIndex(self.reader, self.connect, self.sizes, self._start)
        self.recover()

    def recover(self) -> None:
        """After a commit that is in doubt, and at the start."""
        if self.writer.in_transaction:
            self.writer.rollback()
        last_row = self.index.recover(self.writer)
        assert last_row >= max(self.model.rows, default=0)
        self.next_row = max(self.next_row, last_row + 1)

    def crash(self) -> None:
        """Lose everything but the file, and start again."""
        for task in self.tasks:
            task.stop()  # only its connection is closed
        self.writer.close()
        self.reader.close()
        self.open()

    def close(self) -> None:
        """End, and remove the file."""
        self.index.close(self.writer)
        self.writer.close()
        self.reader.close()
        self._directory.cleanup()

    def connect(self) -> sqlite3.Connection:
        """A connection as the ledger's; nobody cuts the power of a test."""
        connection = connect(self.path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def make_rows(self, fresh: Iterable[tuple[str, bytes, bool]], gap: int = 0) -> list[Row]:
        """Rows of taps by tap_id, token, and whether it changes the token's state."""
        self.next_row += gap
        rows = []
        for place, (tap_id, token, changes) in enumerate(fresh, self.next_row):
            if changes:
                self.numbers[token] = self.numbers.get(token, 0) + 1
            rows.append(Row(place, tap_id, token, self.numbers[token] if changes else None))
        self.next_row += len(rows)
        return rows

    def begin(self, rows: Sequence[Row]) -> None:
        """All of a commit but its end."""
        may_merge = self.index.prepare(self.writer)
        assert may_merge or not self.writer.in_transaction
        self.writer.execute("BEGIN IMMEDIATE")
        self.writer.executemany(_INSERT, rows)
        self.index.merge_slice(self.writer, len(rows))

    def store(self, rows: Sequence[Row]) -> None:
        """End a commit: the rows are durable from here on."""
        self.writer.execute("COMMIT")
        self.model.add(rows)

    def add(self, rows: Sequence[Row]) -> None:
        """Let the index know that they are."""
        self.index.add(
            self.writer,
            [row.row for row in rows],
            [row.tap_id for row in rows],
            [row.token for row in rows],
            [row.number for row in rows],
        )

    def commit(self, rows: Sequence[Row] = ()) -> None:
        """A commit that goes well."""
        self.begin(rows)
        self.store(rows)
        self.add(rows)

    def decide(self, fresh: Iterable[tuple[str, bytes, bool]], gap: int = 0) -> None:
        """Taps that are new: the index is asked for all of them first, as a ledger does."""
        rows = self.make_rows(fresh, gap)
        assert not self.index.find_taps([row.tap_id for row in rows])
        self.commit(rows)

    def forget_some(self, row: int) -> bool:
        """One step of forgetting; the rows go with their entries, as retention removes them."""
        before, entries = self.read_mark(FORGOTTEN_THROUGH), self._count_entries()
        merged_through = self.read_mark(MERGED_THROUGH)
        self.writer.execute("BEGIN IMMEDIATE")
        is_more = self.index.forget_below(self.writer, row)
        forgotten = read_mark(self.writer, FORGOTTEN_THROUGH)
        self.writer.execute("DELETE FROM taps WHERE row <= ?", (forgotten,))
        self.writer.execute("COMMIT")
        assert before <= forgotten <= merged_through
        assert forgotten == before or forgotten < row
        assert entries - self._count_entries() <= 2 * self.sizes.forget_rows
        self.model.forget(forgotten)
        return is_more

    def catch_up(self) -> None:
        """Merge while no tap comes, until nothing is due."""
        for _ in range(500):
            self.finish_tasks()
            if not self.index.is_due:
                return
            assert self.index.can_merge
            self.commit()
        raise AssertionError("compaction does not end")

    def finish_tasks(self) -> None:
        """Let everything end that runs beside."""
        for task in self.tasks:
            task.wait()

    def read_mark(self, name: str) -> int:
        """A mark, as it is stored."""
        return read_mark(self.reader, name)

    def check_tables(self) -> None:
        """The tables hold the entries of all merged rows, and no other but of a run under way."""
        through, rows = self.read_mark(MERGED_THROUGH), self.model.rows.values()
        merged = [row for row in rows if row.row <= through]
        find = self.reader.execute
        ids = find("SELECT tap_id, row FROM tap_ids WHERE row <= ?", (through,)).fetchall()
        assert sorted(ids) == sorted((row.tap_id, row.row) for row in merged)
        tokens = find("SELECT token, number, row FROM token_rows WHERE row <= ?", (through,))
        assert sorted(tokens) == sorted((row.token, row.number or 0, row.row) for row in merged)

    def _count_entries(self) -> int:
        query = "SELECT (SELECT count(*) FROM tap_ids) + (SELECT count(*) FROM token_rows)"
        (entries,) = self.reader.execute(query).fetchone()
        return int(entries)

    def _start(self, name: str, steps: Steps) -> ManualTask:
        task = ManualTask(name, steps)
        self.tasks.append(task)
        return task


@cache
def _make_file() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "ledger.sqlite3")
        database = open_database(path)
        metadata.create_all(database, [taps, tap_ids, token_rows, ledger_marks])
        database.dispose()
        return path.read_bytes()
