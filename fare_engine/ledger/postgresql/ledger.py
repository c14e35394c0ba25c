"""The shared ledger: one PostgreSQL database, used by any number of workers at once.

A worker loads what a batch needs in one round trip, decides, and stores all of it by one statement
that compares what it was decided on. No transaction is open meanwhile, so a worker that is paused
or cut off holds no lock. Where another worker was first nothing is stored, and the batch is decided
again; after three losses the chains of its tokens are locked first, and it cannot lose them again.

Two connections: one writes, one reads, so that the next batch is loaded while one is committed.
"""

import os
import socket
import struct
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from fare_engine.errors import (
    ConfigurationError,
    LedgerDamaged,
    LedgerUnavailable,
    Outdated,
    Overtaken,
)
from fare_engine.ledger.place import Figure
from fare_engine.ledger.postgresql import arrays, horizon, loading
from fare_engine.ledger.postgresql.committing import COMMIT, Writing, encode_changes
from fare_engine.ledger.postgresql.identity import read_epoch
from fare_engine.ledger.postgresql.partitions import PARTITION_ROWS, Partitioning, read_end
from fare_engine.ledger.postgresql.probe import Probe
from fare_engine.ledger.postgresql.watch import Watch
from fare_engine.ledger.postgresql.where import PostgresqlWhere
from fare_engine.ledger.rows import number_places
from fare_engine.ledger.sessions import READER, WRITER, Connection, connect, name_database
from fare_engine.ports import Changes, Followed, Loaded, Wanted
from fare_engine.published import Published

BLOCK_ROWS: Final = 10_000
"""Rows that a worker takes at once: the increment of the sequence `tap_rows`."""

BLOCK_SECONDS_MAX: Final = 3_600
"""How long a worker uses a block: so rows stand in the order of time, but for as long, and none is
stored among much older ones, where settlement would not look for it."""

PREFIXES_MAX: Final = 200_000
"""Gates and days whose highest tap_id is remembered; beyond it all are forgotten, at no harm."""

_OVERTAKEN: Final = frozenset({"FE001", "23505", "40P01", "40001"})
"""A head that moved, a key that is there already, a deadlock, a serialization failure."""

_OUTDATED: Final = "FE002"
_WARNING: Final = "01000"

# A transaction that changes nothing, and is committed as taps are.
_COMMIT_NOTHING: Final = "SELECT pg_logical_emit_message(true, 'fare-engine', 'connected')"

_Read = TypeVar("_Read")


class PostgresqlLedger:
    """The ledger in a PostgreSQL database (`fare_engine.ports.Ledger`), of one worker.

    `epoch` is that of the latest connection: with another one, what caches remember may be of
    commits that were lost. Not shared between threads, except that `commit` may run in another one.
    """

    is_local = False
    damage = None

    def __init__(
        self,
        url: str,
        published: Published,
        *,
        worker: str = "",
        partition_rows: int = PARTITION_ROWS,
    ) -> None:
        self.may_wait = True
        self.epoch = ""
        self.maintenance = Partitioning(url, partition_rows)
        self.where = PostgresqlWhere()
        self._url = url
        self._name = name_database(url)
        self._worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        self._rows = range(0)
        self._block_taken_s = 0.0
        self._highest: dict[str, str] = {}
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._is_in_doubt = False
        self._stations: dict[int, str] = {}
        self._published = published
        self._connect()

    def close(self) -> None:
        """Close the connections. A statement that is under way is not cancelled; it may end."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None

    def check_files(self) -> None:
        """Its server looks after them."""

    def open_probe(self) -> Probe:
        """A probe with a connection of its own."""
        return Probe(self._url)

    def open_watch(self) -> Watch:
        """A watch with a connection of its own."""
        return Watch(self._url)

    def probed(self) -> None:
        """A probe leaves nothing."""

    def list_figures(self) -> list[Figure]:
        """How many rows the partitions that are there have room for."""
        rows_ahead = self.maintenance.end - self.maintenance.highest_row
        help_text = "Rows for which partitions are made already"
        return [Figure("fare_ledger_rows_ahead", help_text, rows_ahead)]

    def describe_index(self) -> str:
        """How taps and tokens are found, for `/readyz`."""
        return "of the database"

    def use(self, published: Published) -> None:
        """Read and write rows by what is published now."""
        self._published = published
        self._decoder = loading.Decoder(published.catalogue, self._stations, self._fetch_stored)
        network = published.catalogue.network
        places = number_places(network.gates, self._stations)
        self._writing = Writing(places, published.catalogue.media, self._worker)

    def take_rows(self, count: int) -> int:
        """The first of so many consecutive rows, of a block that no other worker has."""
        if count > BLOCK_ROWS:
            raise ValueError(f"a batch may have {BLOCK_ROWS:,} taps")
        if self._count_rows_left() < count:
            self._use_block(self._ask(loading.fetch_block))
        first, self._rows = self._rows[0], self._rows[count:]
        return first

    def load(self, wanted: Wanted) -> Loaded:
        """Read at one moment what a batch needs; Outdated where its catalogue knows too little.

        A tap_id that is higher than all this worker has seen of its gate and day is not looked up:
        that is a hint, and the key proves it. Where the batch `locks`, the chains of its tokens
        are locked until it is committed.
        """
        reported = set(wanted.reported)
        seen = [tap_id for tap_id in wanted.tap_ids if not self._seems_new(tap_id)]
        looked_up = [*reported.union(seen)]
        takes_block = self._count_rows_left() < len(wanted.tap_ids)
        connection = self._get_writer() if wanted.locks else self._get_reader()
        fetched = self._ask(
            lambda _: loading.fetch(connection, wanted, looked_up, takes_block=takes_block)
        )
        if fetched.block is not None:
            self._use_block(fetched.block)
        try:
            return self._decoder.make_loaded(fetched, reported)
        except LedgerDamaged as error:
            if wanted.locks:
                self._roll_back(connection)
            if fetched.version != self._published.version:
                raise Outdated(str(error)) from error
            raise

    def commit(self, changes: Changes) -> None:
        """Store all of it by one statement; durable on return. May run in another thread.

        Overtaken, Outdated: nothing is stored. LedgerUnavailable: that is in doubt.
        """
        connection = self._get_writer()
        is_locked = connection.info.transaction_status != TransactionStatus.IDLE
        self._is_in_doubt = False
        parameters = self._encode(changes)
        try:
            if parameters:
                connection.execute(COMMIT, parameters, prepare=True)
            if is_locked:
                connection.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            self._raise_refusal(connection, error, is_locked=is_locked)
        self._refuse_doubt()

    def confirm(self) -> None:
        """What is committed is found already."""

    def recover(self) -> None:
        """Connect again. What a lost commit has stored is met by its keys, also if it ends later.

        Its rows are not used again; in another epoch nothing of the block is, since the sequence
        may have lost it as well. Returns once all that can be read now is confirmed.
        """
        self.close()
        try:
            self._connect()
        except ConfigurationError as error:  # another server has taken over, which may not be used
            raise LedgerUnavailable(str(error)) from error

    def follow(self, cursor: str, limit: int) -> Followed:
        """What all workers have committed since a cursor; EpochEnded after a restore."""
        position = horizon.parse_cursor(cursor, self.epoch)
        rows, position = self._ask(
            lambda connection: horizon.list_rows(connection, position, limit)
        )
        if not rows:
            return Followed((), cursor)
        stored = {values[0]: values for values in self._fetch_stored(rows)}
        verdicts = [self._decoder.make_known(stored[row]).verdict for row in rows]
        return Followed(verdicts, position.format_cursor())

    def _connect(self) -> None:
        try:
            self._writer = connect(self._url, WRITER)
            self._writer.add_notice_handler(self._take_notice)
            arrays.register(self._writer)
            self._confirm_all(self._writer)
            self._reader = connect(self._url, READER)
            epoch = read_epoch(self._reader)
            self._stations = loading.fetch_stations(self._reader)
            self.maintenance.end = read_end(self._reader)
        except psycopg.Error as error:
            self.close()
            raise self._make_unavailable(error) from error
        if epoch != self.epoch:
            self.epoch, self._rows = epoch, range(0)
        self.use(self._published)

    def _confirm_all(self, writer: Connection) -> None:
        """Wait for a commit, which confirms all before it.

        A server that was killed shows after its restart what no standby has yet: a tap that is
        answered by it would be acknowledged, and lost with the server.
        """
        self._is_in_doubt = False
        writer.execute(_COMMIT_NOTHING, prepare=False)
        self._refuse_doubt()

    def _seems_new(self, tap_id: str) -> bool:
        prefix = tap_id.rpartition(".")[0]
        if tap_id <= self._highest.get(prefix, ""):
            return False
        if len(self._highest) >= PREFIXES_MAX:
            self._highest.clear()
        self._highest[prefix] = tap_id
        return True

    def _count_rows_left(self) -> int:
        """How many rows of the block may still be used: none once it is old."""
        age_seconds = time.time() - self._block_taken_s
        return len(self._rows) if 0 <= age_seconds <= BLOCK_SECONDS_MAX else 0

    def _use_block(self, first: int) -> None:
        self._rows = range(first, first + BLOCK_ROWS)
        self._block_taken_s = time.time()
        self.maintenance.highest_row = self._rows[-1]

    def _fetch_stored(self, rows: Collection[int]) -> Sequence[tuple[Any, ...]]:
        return self._ask(lambda connection: loading.fetch_stored(connection, rows))

    def _ask(self, read: Callable[[Connection], _Read]) -> _Read:
        try:
            return read(self._get_reader())
        except psycopg.Error as error:
            raise self._make_unavailable(error) from error

    def _get_writer(self) -> Connection:
        return self._get(self._writer)

    def _get_reader(self) -> Connection:
        return self._get(self._reader)

    def _get(self, connection: Connection | None) -> Connection:
        if connection is None or connection.closed:
            raise LedgerUnavailable(f"{self._name}: the connection is lost")
        return connection

    def _encode(self, changes: Changes) -> list[Any]:
        """The parameters of a commit; none where there is nothing to store."""
        if not changes.taps and changes.is_taps_alone():
            return []
        try:
            return encode_changes(changes, self._writing)
        except (struct.error, UnicodeError) as error:
            raise LedgerUnavailable(f"the batch does not fit the tables: {error}") from error

    def _raise_refusal(
        self, connection: Connection, error: psycopg.Error, *, is_locked: bool
    ) -> None:
        """Raise what a commit that failed means: by its code, whatever class the driver chose."""
        if error.sqlstate in _OVERTAKEN or error.sqlstate == _OUTDATED:
            if is_locked:
                self._roll_back(connection)
            message = error.diag.message_primary or ""
            if error.sqlstate == _OUTDATED:
                raise Outdated(message) from error
            raise Overtaken(message) from error
        raise self._make_unavailable(error) from error

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.execute("ROLLBACK", prepare=False)
        except psycopg.Error as error:
            raise self._make_unavailable(error) from error

    def _make_unavailable(self, error: psycopg.Error) -> LedgerUnavailable:
        return LedgerUnavailable(f"{self._name} did not confirm: {error}")

    def _refuse_doubt(self) -> None:
        if self._is_in_doubt:
            raise LedgerUnavailable(f"{self._name}: no standby has confirmed the commit")

    def _take_notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """A wait for a standby that was cancelled ends with a warning, as if all were well."""
        if diagnostic.sqlstate == _WARNING:
            self._is_in_doubt = True
