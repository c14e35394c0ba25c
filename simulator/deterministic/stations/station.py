"""A station: the real controller, outbox, breaker and upkeep, over a file in memory.

Its power can be cut at any moment, also inside a transaction: what was committed is there when it
starts again, and nothing else.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import msgspec

from fare_engine.network import DIRECTION_WORDS, Direction
from gates.breaker import Breaker
from gates.client.messages import TapMessage
from gates.controller import Controller, Passage
from gates.errors import GatesError
from gates.parameters import Parameters
from gates.reading import Medium, MediumReader, RideCode
from gates.station_file import StationFile
from gates.upkeep import Upkeep
from simulator.auditor.alone import AloneTap, Use
from simulator.auditor.auditor import Auditor
from simulator.deterministic.engines.shared import TOKEN_KEY
from simulator.deterministic.phones import parse_once
from simulator.deterministic.stations.client import SimulatedClient, Wire
from simulator.deterministic.stations.disks import give_back_disk, take_disk
from simulator.deterministic.virtual_time import VirtualLoop

BOOT_S: Final = 10.0
HEARTBEAT_EVERY_S: Final = 30.0
"""Three times as seldom as stations do it: stories are short, and clocks are wrong from their
beginning or jump seldom."""


class PowerCut(BaseException):
    """Nothing more happens in this controller, whatever it would catch."""


class MemoryFile(StationFile):
    """A station's file in memory, as long as its power lasts."""

    def __init__(
        self, connection: sqlite3.Connection, created_at_ms: int, cuts: Callable[[], int]
    ) -> None:
        self._sql = connection
        self._cuts = cuts
        self._cut = 0
        self.is_dead = False
        with self._naming_errors():
            self._prepare()
        self.created_at_ms = created_at_ms

    def _begin(self) -> None:
        """A transaction begins, before or after whose end the power may fail."""
        if self.is_dead:
            raise PowerCut
        self._cut = self._cuts()
        super()._begin()

    def _commit(self) -> None:
        if self._cut < 0:
            self.is_dead = True
            raise PowerCut
        super()._commit()
        if self._cut > 0:
            self.is_dead = True
            raise PowerCut

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """The rows that answer a question."""
        if self.is_dead:
            raise PowerCut
        return super().read(statement, values)


class _Watched:
    """A barrier whose movements the auditor sees, with what the station knew at that moment."""

    def __init__(self, file: MemoryFile, medium: Medium, auditor: Auditor) -> None:
        self._file = file
        self._medium = medium
        self._auditor = auditor

    def act(self, passage: Passage) -> None:
        """Open or stay shut."""
        if not passage.alone or passage.tap_id is None:
            return
        ((at_ms, token, code_id),) = self._file.read(
            "SELECT occurred_at, token, code_id FROM taps WHERE tap_id = ?", (passage.tap_id,)
        )
        uses = []
        if code_id is not None:
            uses = self._file.read(
                "SELECT direction, occurred_at FROM taps "
                "WHERE code_id = ? AND tap_id != ? AND gate_opened = 1 ORDER BY place",
                (code_id, passage.tap_id),
            )
        documents = self._file.read("SELECT document FROM parameters ORDER BY place DESC LIMIT 1")
        tap = AloneTap(
            passage.tap_id,
            _name(passage.direction),
            at_ms,
            token.hex(),
            self._medium.text if isinstance(self._medium, RideCode) else None,
            passage.opens,
            passage.reason,
            [Use(_name(direction), used_at_ms) for direction, used_at_ms in uses],
        )
        knew = _decode(documents[0][0]) if documents else None
        self._auditor.decided_alone(tap, knew)


@lru_cache(100)
def _decode(document: bytes) -> dict[str, Any]:
    """Many taps are decided by one document."""
    decoded: dict[str, Any] = msgspec.json.decode(document)
    return decoded


def _name(direction: int) -> str:
    return DIRECTION_WORDS[direction]


class _Forwarding(MediumReader):
    """Knows no issuer's key, as a gate to which a new one has not come yet."""

    def use(self, parameters: Parameters) -> None:
        """Read by these parameters, but for their keys."""
        super().use(replace(parameters, issuer_keys=()))


class Station:
    """One station's lanes, and its clock."""

    def __init__(
        self,
        station_id: str,
        loop: VirtualLoop,
        wire: Wire,
        chance: random.Random,
        forwards: bool = False,
    ) -> None:
        """With `forwards` it learns no issuer's key, and shows ride codes to the engine alone."""
        self._forwards = forwards
        self.station_id = station_id
        self._loop = loop
        self._wire = wire
        self._chance = chance
        self._connection = take_disk()
        self._created_at_ms = wire.engines.now_ms() - 7 * 86_400_000
        self._offset_ms = 0.0
        self._drift = 0.0
        self._drifts_since_s = 0.0
        self._cut_after = 0
        self._lanes: dict[asyncio.Task[Any], None] = {}
        """Who stands at one."""
        self.broken: BaseException | None = None
        """What ended the upkeep that was no power cut: a bug."""
        self._is_down = False
        self.boot()

    def clock_ms(self) -> int:
        """What the clock of the gates shows."""
        off_ms = self._offset_ms
        if self._drift:
            off_ms += (self._loop.time() - self._drifts_since_s) * 1_000 * self._drift
        return self._wire.engines.now_ms() + round(off_ms)

    def jump(self, ms: float) -> None:
        """The clock is set."""
        self._offset_ms += ms

    def drift(self, share: float) -> None:
        """The clock begins to run too fast, or too slowly."""
        now_s = self._loop.time()
        self._offset_ms += (now_s - self._drifts_since_s) * 1_000 * self._drift
        self._drifts_since_s, self._drift = now_s, share

    def cut_power_at(self, transaction: int) -> None:
        """Cut the power at the nth transaction from now: before its end (negative), or after."""
        self._cut_after = transaction

    async def present(self, gate_id: str, direction: Direction, medium: Medium) -> Passage | None:
        """Somebody shows a medium; None when the gate is dead, or dies over it."""
        if self.file.is_dead:
            return None
        file, barrier = self.file, _Watched(self.file, medium, self._wire.auditor)
        passenger = asyncio.current_task()
        assert passenger is not None
        self._lanes[passenger] = None
        try:
            await asyncio.sleep(0)  # all that acts at this instant has begun before
            return await self.controller.present(gate_id, direction, medium, barrier)
        except PowerCut:
            return None
        except asyncio.CancelledError:
            if file.is_dead:
                return None
            raise
        finally:
            del self._lanes[passenger]

    def report(self, tap_id: str) -> None:
        """The gate saw that nobody went through."""
        if not self.file.is_dead:
            with suppress(GatesError, PowerCut):
                self.controller.report(tap_id, passed=False)

    async def clash(self, message: TapMessage) -> None:
        """Another controller sends other content under a tap_id of this one."""
        with suppress(GatesError):
            await SimulatedClient(self.station_id, self._wire, self.clock_ms).decide(message)

    def lose_power(self, for_s: float) -> None:
        """Everything stops at once; it starts again after a while."""
        if self._is_down:
            return
        self._is_down = self.file.is_dead = True
        self._upkeep_task.cancel()
        for passenger in self._lanes:
            passenger.cancel()  # she only learns that the gate is dead
        self._loop.call_later(for_s, self.boot)

    def boot(self) -> None:
        """Start on what the file holds; the power may fail over that too."""
        self._is_down = False
        with suppress(PowerCut):
            self._start()

    def _start(self) -> None:
        self.file = MemoryFile(self._connection, self._created_at_ms, self._count_transaction)
        client = SimulatedClient(self.station_id, self._wire, self.clock_ms)
        make_reader = _Forwarding if self._forwards else MediumReader
        reader = make_reader(TOKEN_KEY, parse_once)
        breaker = Breaker(self._loop.time, self._chance.random)
        controller = Controller(
            self.station_id, self.file, client, reader, breaker, clock_ms=self.clock_ms
        )
        if controller.parameters.current is not None:
            reader.use(controller.parameters.current)
        upkeep = Upkeep(
            controller,
            client,
            f"{self.station_id}-1",
            reader.use,
            clock_s=self._loop.time,
            clock_ms=self.clock_ms,
            heartbeat_every_s=HEARTBEAT_EVERY_S,
        )
        self.controller = controller
        self._upkeep_task = self._loop.create_task(upkeep.run())
        self._upkeep_task.add_done_callback(self._upkeep_ended)

    def _upkeep_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and not isinstance(task.exception(), PowerCut):
            self.broken = task.exception()

    def list_held(self) -> list[str]:
        """What the file still holds: taps, reports, and what was quarantined.

        The file is asked, not the outbox, which may be wrong in holding nothing.
        """
        rows = self.file.read(
            "SELECT tap_id FROM taps WHERE standing != 1 "
            "UNION ALL SELECT tap_id FROM reports r JOIN taps USING (place) WHERE r.standing != 1"
        )
        return [tap_id for (tap_id,) in rows]

    def list_alone(self) -> list[str]:
        """The taps decided here and delivered: the engine must know what the gate did at them."""
        rows = self.file.read("SELECT tap_id FROM taps WHERE alone = 1 AND standing = 1")
        return [tap_id for (tap_id,) in rows]

    async def stop(self) -> None:
        """End for good; what is on its disk can still be read."""
        self._upkeep_task.cancel()
        await asyncio.wait({self._upkeep_task})

    def give_back(self) -> None:
        """Nobody will read its disk any more."""
        give_back_disk(self._connection)

    def _count_transaction(self) -> int:
        """Whether the power fails at this transaction: -1 before its end, 1 after, else 0."""
        if not self._cut_after:
            return 0
        sign = 1 if self._cut_after > 0 else -1
        self._cut_after -= sign
        if self._cut_after:
            return 0
        engines = self._wire.engines
        self._wire.journal.fault("power_cut", engines.now_ms(), self.station_id, sign)
        self._loop.call_soon(self.lose_power, BOOT_S)
        return sign
