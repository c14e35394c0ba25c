"""Everything one process holds while it serves: opened once at the start, closed once at the end.

`open_engine` puts the engine over its ledger; this file alone adds keys, clocks and settings.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, TypeVar

import structlog

from api.runtime.beside_taps import run_beside_taps
from api.runtime.clocks import GateClocks
from api.runtime.connection_counts import ConnectionCounts
from api.runtime.failed_authentications import FailedAuthentications
from api.runtime.peers import PeerFinder
from api.runtime.readiness import Readiness
from api.runtime.service import EngineService, now_ms
from api.runtime.settings import Settings
from api.runtime.watching import Watching
from api.views.parameters import ParametersBook
from api.wire.ride_codes import RideCodeReader
from fare_engine.access_key import Key
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.database import (
    Connection,
    Database,
    reading,
    writing,
)
from fare_engine.ledger.place import LedgerPlace, OpenLedger
from fare_engine.ledger.stores.clocks import load_skews
from fare_engine.ledger.stores.heartbeats import StoredHeartbeat
from fare_engine.ledger.stores.published import get_version, load_published, raise_version
from fare_engine.opening import check_ledger, open_engine
from fare_engine.published import Published
from fare_engine.settle import Outcome, settle
from fare_engine.validation import id_pattern_faults, list_faults
from fare_engine.validation.faults import Fault
from fare_engine.versions import find_in_force
from gates.media import TokenMaker

logger = structlog.get_logger(__name__)

T = TypeVar("T")

NO_KEYS: Final[Mapping[bytes, Key]] = {}


@dataclass
class Runtime:
    """What request handlers use. What is published changes through `publish` alone."""

    service: EngineService
    ledger: OpenLedger
    database: Database
    clocks: GateClocks
    parameters: ParametersBook
    make_token: Callable[[str, str], bytes]
    ride_codes: RideCodeReader
    peers: PeerFinder
    failed_authentications: FailedAuthentications
    settings: Settings
    readiness: Readiness
    _changing: asyncio.Lock
    _settling: asyncio.Lock
    _load_published: Callable[[Connection], Published]
    requests_in_flight: Callable[[], int] = lambda: 0
    connection_counts: ConnectionCounts = field(default_factory=ConnectionCounts)
    loop_stalled_seconds: Callable[[], float] = lambda: 0.0
    _checked: tuple[Catalogue, list[Fault]] | None = None

    @property
    def published(self) -> Published:
        """What operators have published and taps are decided by now."""
        return self.service.published

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that decides now."""
        return self.service.published.catalogue

    def find_clock_tolerance(self, at_ms: int) -> int | None:
        """How far a gate's clock may be off at an instant; None where no tariff is in force."""
        return _find_clock_tolerance(self.catalogue, at_ms)

    def list_catalogue_faults(self) -> list[Fault]:
        """What is wrong with the catalogue that decides now; found once for each catalogue."""
        catalogue = self.catalogue
        if self._checked is None or self._checked[0] is not catalogue:
            self._checked = catalogue, list_faults(catalogue, now_ms())
        return self._checked[1]

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query beside the writer, in a thread."""

        def run() -> T:
            with reading(self.database) as connection:
                return query(connection)

        return await asyncio.to_thread(run)

    async def read_taps(self, query: Callable[[Connection, Catalogue], T]) -> T:
        """Run a query with a catalogue that knows all that the taps it finds were decided by."""
        return await self.read(
            lambda connection: query(connection, self._get_catalogue(connection))
        )

    def _get_catalogue(self, connection: Connection) -> Catalogue:
        """The catalogue as a connection sees it, where another process may have published one."""
        if self.ledger.is_local or get_version(connection) == self.published.version:
            return self.catalogue
        return self._load_published(connection).catalogue

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run a change in a transaction, in a thread; one change at a time."""

        def run() -> T:
            with writing(self.database) as connection:
                return change(connection)

        async with self._changing:
            return await asyncio.to_thread(run)

    async def publish(self, change: Callable[[Connection, Published], tuple[Published, T]]) -> T:
        """Store a change of what is published, and use it from the next batch on; one at a time.

        `change` gets what is published now, and returns what will be, and the answer.
        """
        return await self._publish(lambda _: change)

    async def _publish(
        self, prepare: Callable[[Published], Callable[[Connection, Published], tuple[Published, T]]]
    ) -> T:
        def run() -> tuple[Published, T]:
            change = prepare(self.published)
            with writing(self.database) as connection:
                version = raise_version(connection)
                before = self.published
                if before.version != version - 1:  # another process has published something
                    before = self._load_published(connection)
                changed, answer = change(connection, before)
                return replace(changed, version=version), answer

        async with self._changing:
            published, answer = await run_beside_taps(run)
            self.service.use(published)
            return answer

    async def publish_catalogue(
        self, change: Callable[[Connection, Catalogue], Catalogue]
    ) -> Catalogue:
        """Publish another catalogue."""
        return await self.publish_prepared(lambda _: change)

    async def publish_prepared(
        self, prepare: Callable[[Catalogue], Callable[[Connection, Catalogue], Catalogue]]
    ) -> Catalogue:
        """Publish another catalogue by a change that is prepared before its transaction begins.

        Taps wait for a transaction, and not for what `prepare` does.
        """

        def prepare_change(
            before: Published,
        ) -> Callable[[Connection, Published], tuple[Published, Catalogue]]:
            change = prepare(before.catalogue)

            def run(connection: Connection, now: Published) -> tuple[Published, Catalogue]:
                catalogue = change(connection, now.catalogue)
                return replace(now, catalogue=catalogue), catalogue

            return run

        return await self._publish(prepare_change)

    def note_others(self, version: int, heartbeats: Sequence[StoredHeartbeat]) -> None:
        """Go by what other processes have published, and by the heartbeats that they took."""
        self.service.note_version(version)
        self.clocks.note_stored(heartbeats, self.find_clock_tolerance(now_ms()))

    async def settle(self, service_date: date, actor: str, *, dry_run: bool) -> Outcome:
        """Settle a service date in a thread, beside the taps; one run at a time."""

        def get_catalogue() -> Catalogue:
            with reading(self.database) as connection:
                return self._get_catalogue(connection)

        async with self._settling:
            return await asyncio.to_thread(
                settle,
                self.database,
                get_catalogue,
                service_date,
                where=self.ledger.where,
                actor=actor,
                clock=now_ms,
                dry_run=dry_run,
            )


def _find_clock_tolerance(catalogue: Catalogue, at_ms: int) -> int | None:
    tariff = find_in_force(catalogue.tariffs, at_ms)
    return None if tariff is None else tariff.clock_skew_tolerance_ms


@asynccontextmanager
async def open_runtime(
    place: LedgerPlace, settings: Settings, own_keys: Mapping[bytes, Key] = NO_KEYS
) -> AsyncIterator[Runtime]:
    """Open a ledger whose place this process has locked; close it after the last answer.

    `own_keys`, by the hashes of their secrets, are in force in this process alone.
    """

    def load(connection: Connection) -> Published:
        published = load_published(connection)
        return replace(published, keys={**published.keys, **own_keys})

    def read_published() -> Published:
        with reading(database) as connection:
            return load(connection)

    database = place.open_database()
    try:
        check_ledger(place, database)
        with reading(database) as connection:
            published = load(connection)
            clocks = _load_clocks(connection, published.catalogue)
        for field, fault in id_pattern_faults(published.catalogue.network.media):
            logger.warning("id_pattern_unusable", field=field, fault=fault)
        with open_engine(
            place.open_ledger,
            published,
            batch_taps_max=settings.commit_taps_max,
            pending_taps_max=settings.pending_taps_max,
            suspect_gates=clocks.suspects,
        ) as (engine, ledger):
            service = EngineService(
                engine,
                inline_taps_max=settings.commit_inline_taps_max,
                read_published=None if ledger.is_local else read_published,
            )
            peers = PeerFinder(settings.trusted_proxies)
            maker = TokenMaker(place.read_token_key())
            readiness = Readiness(service, ledger, settings.pending_taps_max)
            runtime = Runtime(
                service=service,
                ledger=ledger,
                database=database,
                clocks=clocks,
                parameters=ParametersBook(),
                make_token=maker.token,
                ride_codes=RideCodeReader(maker.token, published.catalogue),
                peers=peers,
                failed_authentications=FailedAuthentications(
                    peers, settings.auth_failures_per_minute
                ),
                settings=settings,
                readiness=readiness,
                _changing=asyncio.Lock(),
                _settling=asyncio.Lock(),
                _load_published=load,
            )
            with _watching(runtime):
                yield runtime
                await service.close()
                readiness.close()
    finally:
        database.dispose()


def _load_clocks(connection: Connection, catalogue: Catalogue) -> GateClocks:
    at_ms = now_ms()
    numbers = {gate.number: gate.gate_id for gate in catalogue.network.gates}
    skews = load_skews(connection, at_ms)
    stored = {numbers[gate]: skew for gate, skew in skews.items()}
    return GateClocks(stored, _find_clock_tolerance(catalogue, at_ms))


@contextmanager
def _watching(runtime: Runtime) -> Iterator[None]:
    """Go by what other processes publish, where there may be any."""
    watch = runtime.ledger.open_watch()
    if watch is None:
        yield
        return
    watching = Watching(watch, runtime.database, runtime.note_others)
    try:
        yield
    finally:
        watching.close()
