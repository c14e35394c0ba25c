"""Runs one scenario to its end, heals everything, and has it judged."""

import asyncio
import random
from collections import Counter
from functools import partial
from typing import Final, NamedTuple

from fare_engine.engine import Engine
from fare_engine.settlement.reach import DAY_MS
from gates.client.messages import Medium, TapMessage
from gates.media import TokenMaker
from gates.times import format_ms
from simulator.auditor.auditor import Auditor
from simulator.deterministic.documents import Describer
from simulator.deterministic.engines.engine_process import MakeEngine
from simulator.deterministic.engines.engines import Engines
from simulator.deterministic.engines.shared import TOKEN_KEY
from simulator.deterministic.faults import ASYNCHRONOUS, Fault
from simulator.deterministic.garbage import collected_at_the_end
from simulator.deterministic.journal import Journal
from simulator.deterministic.judging.following import Follower
from simulator.deterministic.judging.invariants import list_broken
from simulator.deterministic.judging.judging import Finding, list_audited, list_findings
from simulator.deterministic.phones import name_token
from simulator.deterministic.publishing import Publisher
from simulator.deterministic.scenario import Scenario
from simulator.deterministic.stations.client import Wire
from simulator.deterministic.stations.network import DELAY_MAX_S, Network
from simulator.deterministic.stations.passengers import Walk
from simulator.deterministic.stations.station import BOOT_S, Station
from simulator.deterministic.storage.shared_ledger import SharedLedger
from simulator.deterministic.virtual_time import VirtualLoop, run_virtually
from simulator.publications import describe_network

HEALS_MAX_S: Final = 600
"""How long outboxes may take to empty once nothing goes wrong any more."""

SEARCH_STEPS_MAX: Final = 2_000
"""What the auditor tries for one answer. With ten times as much it decides few seeds more, and the
few whose orders are too many in any case cost ten times as much."""


class Outcome(NamedTuple):
    """What became of a scenario."""

    findings: list[Finding]
    undecided: bool
    """Whether more orders were possible than the auditor looks at: then it found nothing out."""
    taps: int
    checked: Counter[str]
    """What the auditor looked at: one that saw nothing finds nothing."""
    faults: Counter[str]
    digest: bytes
    lines: list[str]

    @property
    def checks(self) -> frozenset[str]:
        """What kinds of things are wrong."""
        return frozenset(finding.check for finding in self.findings)


def run_scenario(
    scenario: Scenario, make_engine: MakeEngine = Engine, *, with_history: bool = False
) -> Outcome:
    """Play a scenario; the same one comes to the same outcome."""

    async def play(loop: VirtualLoop) -> Outcome:
        return await _Play(loop, scenario, make_engine).play(with_history)

    with collected_at_the_end():
        return run_virtually(play)


class _Play:
    """One scenario on one loop."""

    def __init__(self, loop: VirtualLoop, scenario: Scenario, make_engine: MakeEngine) -> None:
        self._loop = loop
        self._scenario = scenario
        world, seed = scenario.world, scenario.seed
        catalogue = world.catalogue
        journal = self._journal = Journal(catalogue.network.time_zone)
        faults = list(scenario.faults)
        engines = self._engines = Engines(
            loop, world.start_ms, catalogue, seed, scenario.engines, faults, journal, make_engine
        )
        network = Network(loop, seed, faults, journal, engines.now_ms)
        describer = Describer(catalogue)
        self._auditor = Auditor(
            describe_network(catalogue.network),
            describer.describe(catalogue, {}, {}),
            partial(name_token, TokenMaker(TOKEN_KEY)),
            SEARCH_STEPS_MAX,
        )
        self._publisher = Publisher(loop, scenario, engines, describer, self._auditor)
        self._wire = Wire(network, engines, self._auditor, journal)
        self._stations = {
            station_id: Station(
                station_id,
                loop,
                self._wire,
                random.Random(f"{seed} {station_id}"),
                station_id in world.forwarding,
            )
            for station_id in world.station_ids
        }
        self._wire.take_skews = self._publisher.take_skews
        self._follower = None
        if scenario.engines > 1:
            ledger = SharedLedger(engines.disk, engines.disk.published)
            self._follower = Follower(loop, ledger, seed)
        self._clashes: list[asyncio.Task[None]] = []

    async def play(self, with_history: bool) -> Outcome:
        """From the first passenger to the verdict."""
        scenario, loop = self._scenario, self._loop
        for fault in scenario.faults:
            loop.call_at(fault.at_s, self._strike, fault)
        walks = [Walk(one, self._stations, loop, self._wire) for one in scenario.passengers]
        tasks = [loop.create_task(walk.go()) for walk in walks]
        for task in tasks:
            await task
        await self._heal()
        findings = [Finding("invariant", found) for found in list_broken(self._engines.disk)]
        findings += [Finding("died", repr(error)) for error in loop.failures]
        undecided = False
        verdict = self._auditor.verdict
        if scenario.loses_commits:
            verdict.checked["seeds that lose commits"] += 1  # and what was acknowledged with them
        else:
            findings += list_findings(self._wire, self._stations)
            if self._follower is not None:
                found = self._follower.list_wrong({*self._engines.disk.rows})
                findings += [Finding("invariant", wrong) for wrong in found]
            undecided = "gave-up" in verdict.found
            findings += list_audited(self._auditor)
        for station in self._stations.values():
            station.give_back()
        for finding in findings:
            self._journal.note(self._engines.now_ms(), "FINDING", "{}: {}", *finding)
        taps = len(self._wire.sent)
        journal = self._journal
        lines = journal.lines() if with_history else []
        return Outcome(
            findings,
            undecided,
            taps,
            verdict.checked,
            journal.faults,
            journal.digest(),
            lines,
        )

    async def _heal(self) -> None:
        """Wait until nothing goes wrong any more, and everything was delivered."""
        ends_s = max((fault.until_s for fault in self._scenario.faults), default=0.0)
        await asyncio.sleep(max(0.0, ends_s - self._loop.time()))
        for station in self._stations.values():
            station.cut_power_at(0)  # what did not come about by now does not any more
        await asyncio.sleep(2 * BOOT_S + DELAY_MAX_S)
        for _ in range(HEALS_MAX_S):
            if not any(station.list_held() for station in self._stations.values()):
                break
            await asyncio.sleep(1.0)
        for clash in self._clashes:
            await clash
        for station in self._stations.values():
            await station.stop()
        await asyncio.sleep(2 * DELAY_MAX_S)  # what is still under way arrives

    def _strike(self, fault: Fault) -> None:
        """A fault begins; message faults and kills are looked up where they happen."""
        strike = getattr(self, f"_strike_{fault.kind}", None)
        if strike is not None:
            now_ms = self._engines.now_ms()
            if fault.kind not in ("power_cut", "clash"):  # these are noted when they come about
                self._journal.fault(fault.kind, now_ms, fault.where, fault.amount)
            strike(fault)

    def _strike_clock(self, fault: Fault) -> None:
        station = self._stations[fault.where]
        station.jump(fault.amount)
        self._loop.call_at(fault.until_s, station.jump, -fault.amount)

    def _strike_calendar(self, fault: Fault) -> None:
        station, off_ms = self._stations[fault.where], fault.amount * DAY_MS
        station.jump(off_ms)
        self._loop.call_at(fault.until_s, station.jump, -off_ms)

    def _strike_skew(self, fault: Fault) -> None:
        self._stations[fault.where].jump(fault.amount)

    def _strike_drift(self, fault: Fault) -> None:
        self._stations[fault.where].drift(fault.amount)

    def _strike_reboot(self, fault: Fault) -> None:
        self._stations[fault.where].lose_power(BOOT_S)

    def _strike_power_cut(self, fault: Fault) -> None:
        self._stations[fault.where].cut_power_at(round(fault.amount))

    def _strike_disk(self, fault: Fault) -> None:
        self._engines.strike(fault).cut_connection(fault.where)

    _strike_cut = _strike_disk

    def _strike_wipe(self, fault: Fault) -> None:
        self._engines.shared.store.flush()
        self._engines.strike(fault).wipe_cache()

    def _strike_lie(self, fault: Fault) -> None:
        store = self._engines.shared.store
        store.lies_share = fault.amount
        self._loop.call_at(fault.until_s, setattr, store, "lies_share", 0.0)

    def _strike_failover(self, fault: Fault) -> None:
        self._engines.fail_over(round(fault.amount) if fault.where == ASYNCHRONOUS else 0)

    def _strike_publish(self, fault: Fault) -> None:
        self._publisher.publish(fault)

    def _strike_suspend(self, fault: Fault) -> None:
        self._publisher.suspend(fault)

    def _strike_mode(self, fault: Fault) -> None:
        self._publisher.begin_mode(fault)

    def _strike_block(self, fault: Fault) -> None:
        self._publisher.block(fault)

    def _strike_clash(self, fault: Fault) -> None:
        """Somebody sends other content under a tap_id that was acknowledged."""
        known = [*self._wire.acknowledged]
        if not known:
            return
        chance = random.Random(fault.amount)
        tap_id = chance.choice(known)
        gate_id = tap_id.partition(".")[0]
        directions = self._engines.catalogue.gates[gate_id].directions
        direction = chance.choice(sorted(directions)).name.lower()
        at_ms = self._engines.now_ms() + chance.choice((0, 1, 600_000))
        medium = Medium("qr", token=chance.randbytes(16).hex())
        message = TapMessage(tap_id, gate_id, direction, medium, format_ms(at_ms))
        self._journal.fault("clash", self._engines.now_ms(), fault.where, tap_id)
        clash = self._loop.create_task(self._stations[fault.where].clash(message))
        self._clashes.append(clash)
