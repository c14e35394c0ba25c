"""What is published in the middle of a scenario, and what the auditor learns of it."""

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from fare_engine.catalogue import Catalogue
from fare_engine.modes import MODES_BY_CODE, DegradedMode
from fare_engine.policy import Suspension
from gates.media import TokenMaker
from simulator.auditor.auditor import Auditor
from simulator.deterministic.documents import Describer
from simulator.deterministic.engines.engines import Engines
from simulator.deterministic.engines.shared import TOKEN_KEY
from simulator.deterministic.faults import Fault
from simulator.deterministic.scenario import Scenario
from simulator.deterministic.virtual_time import VirtualLoop


class Publisher:
    """The operators of the metro of a scenario."""

    def __init__(
        self,
        loop: VirtualLoop,
        scenario: Scenario,
        engines: Engines,
        describer: Describer,
        auditor: Auditor,
    ) -> None:
        self._loop = loop
        self._scenario = scenario
        self._engines = engines
        self._describer = describer
        self._auditor = auditor
        self._skews: dict[str, tuple[int, int]] = {}

    def publish(self, fault: Fault) -> None:
        """Another window from now on, or from a little later; sometimes it ends again."""
        world, catalogue = self._scenario.world, self._engines.catalogue
        now_ms = self._engines.now_ms()
        station_id = fault.where
        versions = catalogue.list_policies(station_id)
        chance = random.Random(fault.amount)
        latest = versions[-1] if versions else world.catalogue.list_policies("FHY")[0]
        gates = [*world.entries(station_id), *world.exits(station_id)]
        policy = replace(
            latest,
            station_id=station_id,
            version=len(versions) + 1,
            window_ms=chance.choice((22_000, *world.windows_ms)),
            designated_gates=frozenset(gates[:3]),
            effective_from_ms=now_ms + chance.choice((0, 0, 5_000, 60_000)),
            effective_to_ms=chance.choice((None, now_ms + 100_000)),
        )
        policies = {**catalogue.policies, station_id: (*versions, policy)}
        self._publish(policies=policies)

    def suspend(self, fault: Fault) -> None:
        """The kill switch of a station, for a while."""
        station_id, catalogue = fault.where, self._engines.catalogue
        if not catalogue.list_policies(station_id):
            return
        before = catalogue.suspensions.get(station_id, ())
        if before and before[-1].resumed_at_ms is None:
            return
        suspension = Suspension(station_id, self._engines.now_ms(), "an escalator")
        self._publish(suspensions={**catalogue.suspensions, station_id: (*before, suspension)})
        self._loop.call_at(fault.until_s, self._resume, station_id)

    def _resume(self, station_id: str) -> None:
        suspensions = self._engines.catalogue.suspensions
        *before, latest = suspensions[station_id]
        ended = replace(latest, resumed_at_ms=self._engines.now_ms())
        self._publish(suspensions={**suspensions, station_id: (*before, ended)})

    def begin_mode(self, fault: Fault) -> None:
        """A station lets something go for a while."""
        station_id, code = fault.where.split()
        catalogue, now_ms = self._engines.catalogue, self._engines.now_ms()
        before = catalogue.list_modes(station_id)
        number = 1 + sum(map(len, catalogue.modes.values()))
        mode = DegradedMode(station_id, MODES_BY_CODE[code], now_ms, "a fire", number=number)
        self._use(catalogue.with_modes(station_id, (*before, mode)))
        self._loop.call_at(fault.until_s, self._end_mode, station_id, number)

    def _end_mode(self, station_id: str, number: int) -> None:
        catalogue, now_ms = self._engines.catalogue, self._engines.now_ms()
        modes = tuple(
            replace(mode, effective_to_ms=now_ms) if mode.number == number else mode
            for mode in catalogue.list_modes(station_id)
        )
        self._use(catalogue.with_modes(station_id, modes))

    def block(self, fault: Fault) -> None:
        """A medium is blocked, and after a while no more."""
        passengers = self._scenario.passengers
        one = passengers[int(fault.amount * len(passengers))]
        token = TokenMaker(TOKEN_KEY).token(one.medium_type, one.medium_id)
        self._engines.when_quiet(partial(self._block, token))
        self._loop.call_at(fault.until_s, self._engines.when_quiet, partial(self._unblock, token))

    def _block(self, token: bytes) -> None:
        blocked, now_ms = self._engines.blocked, self._engines.now_ms()
        self._use_blocked({token: now_ms, **blocked})

    def _unblock(self, token: bytes) -> None:
        blocked = self._engines.blocked
        self._use_blocked({one: since for one, since in blocked.items() if one != token})

    def _use_blocked(self, blocked: Mapping[bytes, int]) -> None:
        self._auditor.changing()
        self._engines.block(blocked)
        self._report_published()

    def _publish(self, **changes: object) -> None:
        """A change of what is published, at once."""
        self._use(replace(self._engines.catalogue, **changes))  # type: ignore[arg-type]

    def _use(self, catalogue: Catalogue) -> None:
        self._auditor.changing()
        self._engines.publish(catalogue)
        self._report_published()

    def _report_published(self) -> None:
        engines = self._engines
        document = self._describer.describe(engines.catalogue, engines.blocked, self._skews)
        self._auditor.changed(document)

    def take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """A heartbeat arrives."""
        self._engines.when_quiet(partial(self._take_skews, skews_ms))

    def _take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """The auditor learns of clocks that become wrong, or right again."""
        engines, tolerance_ms = self._engines, self._scenario.world.tariff.clock_skew_tolerance_ms
        known = {gate_id: self._skews.get(gate_id, (0, 0))[0] for gate_id in skews_ms}
        if all(
            (abs(skew_ms) > tolerance_ms) == (abs(known[gate_id]) > tolerance_ms)
            for gate_id, skew_ms in skews_ms.items()
        ):
            self._store_skews(skews_ms)
            return
        now_ms = engines.now_ms()
        self._auditor.changing()
        self._store_skews(skews_ms)
        self._skews.update({gate_id: (skew_ms, now_ms) for gate_id, skew_ms in skews_ms.items()})
        self._report_published()
        engines.shared.journal.note(now_ms, "engine", "learns of clocks: {}", skews_ms)

    def _store_skews(self, skews_ms: Mapping[str, int]) -> None:
        """Report to the auditor what the engine keeps of them: settlement corrects by that."""
        stored = len(self._engines.disk.skews)
        self._engines.take_skews(skews_ms)
        for gate_id, at_ms, skew_ms in self._engines.disk.skews[stored:]:
            self._auditor.clock_measured(gate_id, at_ms, skew_ms)
