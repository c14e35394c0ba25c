"""Everything one process holds while it serves: opened once at the start, closed once at the end.

`open_engine` puts the engine over its ledger; this file alone adds keys, clocks and settings.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from api.runtime.clocks import GateClocks
from api.runtime.service import EngineService, now_ms
from api.runtime.settings import Settings
from api.views.parameters import ParametersBook
from api.wire.block_list import BlockList
from api.wire.ride_codes import RideCodeReader
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.database import (
    Connection,
    Database,
    check_schema,
    open_database,
    reading,
    writing,
)
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.stores.blocked import load_blocked
from fare_engine.ledger.stores.catalogue import load_catalogue
from fare_engine.ledger.stores.clocks import load_skews
from fare_engine.ledger.stores.keys import Key, load_keys
from fare_engine.opening import open_engine
from fare_engine.settle import Outcome, settle
from fare_engine.validation import list_faults
from fare_engine.validation.faults import Fault
from fare_engine.versions import find_in_force
from gates.media import TokenMaker

T = TypeVar("T")


@dataclass
class Runtime:
    """What request handlers use. Changes to the catalogue go through `change_catalogue` alone."""

    service: EngineService
    ledger: SqliteLedger
    database: Database
    keys: dict[bytes, Key]
    block_list: BlockList
    clocks: GateClocks
    parameters: ParametersBook
    make_token: Callable[[str, str], bytes]
    ride_codes: RideCodeReader
    settings: Settings
    ledger_path: Path
    _changing: asyncio.Lock
    _settling: asyncio.Lock
    _ledger_file: os.stat_result
    requests_in_flight: Callable[[], int] = lambda: 0
    _checked: tuple[Catalogue, list[Fault]] | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that decides now."""
        return self.service.catalogue

    def find_clock_tolerance(self, at_ms: int) -> int | None:
        """How far a gate's clock may be off at an instant; None where no tariff is in force."""
        return _find_clock_tolerance(self.catalogue, at_ms)

    def is_ledger_in_place(self) -> bool:
        """Whether the file that is written is still the one that a restart would open."""
        with suppress(OSError):
            return os.path.samestat(self._ledger_file, self.ledger_path.stat())
        return False

    def list_catalogue_faults(self) -> list[Fault]:
        """What is wrong with the catalogue that decides now; looked at once for each."""
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

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run a change in a transaction, in a thread; one change at a time."""

        def run() -> T:
            with writing(self.database) as connection:
                return change(connection)

        async with self._changing:
            return await asyncio.to_thread(run)

    async def change_catalogue(
        self, change: Callable[[Connection, Catalogue], Catalogue]
    ) -> Catalogue:
        """Store a new catalogue, and decide by it from the next batch on."""

        def run() -> Catalogue:
            with writing(self.database) as connection:
                return change(connection, self.catalogue)

        async with self._changing:
            catalogue = await asyncio.to_thread(run)
            self.service.use(catalogue)
            return catalogue

    async def settle(self, service_date: date, actor: str, *, dry_run: bool) -> Outcome:
        """Settle a service date in a thread, beside the taps; one run at a time."""
        async with self._settling:
            return await asyncio.to_thread(
                settle,
                self.database,
                lambda: self.catalogue,
                service_date,
                actor=actor,
                clock=now_ms,
                dry_run=dry_run,
            )

    async def reload_keys(self) -> None:
        """Honour keys created or revoked just now."""
        async with self._changing:  # or an older reading could bring back a key just revoked
            keys = await self.read(load_keys)
            self.keys.clear()
            self.keys.update(keys)


def _find_clock_tolerance(catalogue: Catalogue, at_ms: int) -> int | None:
    tariff = find_in_force(catalogue.tariffs, at_ms)
    return None if tariff is None else tariff.clock_skew_tolerance_ms


@asynccontextmanager
async def open_runtime(directory: DataDirectory, settings: Settings) -> AsyncIterator[Runtime]:
    """Open a data directory that this process has locked; close it after the last answer."""
    database = open_database(directory.ledger_path)
    try:
        check_schema(database)
        with reading(database) as connection:
            catalogue = load_catalogue(connection)
            keys = load_keys(connection)
            block_list = BlockList(load_blocked(connection))
            skews = load_skews(connection)
        with open_engine(
            directory.ledger_path,
            catalogue,
            batch_taps_max=settings.commit_taps_max,
            pending_taps_max=settings.pending_taps_max,
        ) as (engine, ledger):
            numbers = {gate.number: gate.gate_id for gate in catalogue.network.gates}
            stored = {numbers[gate]: skew for gate, skew in skews.items()}
            clocks = GateClocks(stored, _find_clock_tolerance(catalogue, now_ms()))
            engine.suspect_gates = clocks.suspects
            service = EngineService(engine, inline_taps_max=settings.commit_inline_taps_max)
            maker = TokenMaker(directory.read_token_key())
            path = directory.ledger_path
            yield Runtime(
                service=service,
                ledger=ledger,
                database=database,
                keys=keys,
                block_list=block_list,
                clocks=clocks,
                parameters=ParametersBook(),
                make_token=maker.token,
                ride_codes=RideCodeReader(maker.token, catalogue),
                settings=settings,
                ledger_path=path,
                _changing=asyncio.Lock(),
                _settling=asyncio.Lock(),
                _ledger_file=path.stat(),
            )
            await service.close()
    finally:
        database.dispose()
