"""Runs one scenario to its end, heals everything, and has it judged."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from api.views.explanations import explain
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.ledger.queries.explanations import Explanation
from fare_engine.modes import MODES_BY_CODE, DegradedMode
from fare_engine.policy import Suspension
from gates.client.messages import Medium, TapMessage
from gates.media import TokenMaker
from gates.times import format_ms
from simulator.auditor.auditor import Auditor
from simulator.deterministic.client import Wire
from simulator.deterministic.documents import Teller
from simulator.deterministic.engine_process import TOKEN_KEY, EngineProcess, MakeEngine
from simulator.deterministic.garbage import collected_at_the_end
from simulator.deterministic.invariants import list_broken
from simulator.deterministic.journal import Journal
from simulator.deterministic.network import DELAY_MAX_S, Network
from simulator.deterministic.passengers import Walk
from simulator.deterministic.phones import name_token
from simulator.deterministic.scenario import Fault, Scenario
from simulator.deterministic.settling import RUNS_MS, settle_day
from simulator.deterministic.station import BOOT_S, Station
from simulator.deterministic.virtual_time import VirtualLoop, run_virtually
from simulator.publications import describe_network

HEALS_MAX_S: Final = 600
"""How long outboxes may take to empty once nothing goes wrong any more."""

SEARCH_STEPS_MAX: Final = 2_000
"""What the auditor tries for one answer. With ten times as much it decides few seeds more, and the
few whose orders are too many in any case cost ten times as much."""


class Finding(NamedTuple):
    """Something that is wrong."""

    check: str
    told: str


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
        chance = random.Random(f"engine {seed}")
        engine = self._engine = EngineProcess(
            loop, world.start_ms, catalogue, chance, faults, journal, make_engine
        )
        network = Network(loop, seed, faults, journal, engine.now_ms)
        self._teller = Teller(catalogue)
        self._auditor = Auditor(
            describe_network(catalogue.network),
            self._teller.tell(catalogue, {}, {}),
            partial(name_token, TokenMaker(TOKEN_KEY)),
            SEARCH_STEPS_MAX,
        )
        self._wire = Wire(network, engine, self._auditor, journal)
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
        self._skews: dict[str, tuple[int, int]] = {}
        self._wire.take_skews = self._take_skews
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
        findings = [*self._judge()]
        findings += [Finding("died", repr(error)) for error in loop.failures]
        for station in self._stations.values():
            station.give_back()
        verdict = self._auditor.verdict
        undecided = "gave-up" in verdict.found
        findings += [
            Finding(found.check, f"{found.message} [{' '.join(found.tap_ids)}]")
            for found in verdict.findings
            # Once the auditor has lost its way it says nothing certain of decisions any more.
            if not undecided or found.check == "outbox-not-empty"
        ]
        for finding in findings:
            self._journal.tell(self._engine.now_ms(), "FINDING", "{}: {}", *finding)
        taps = len(self._wire.sent)
        journal = self._journal
        lines = journal.lines() if with_history else []
        return Outcome(
            findings, undecided, taps, verdict.checked, journal.faults, journal.digest(), lines
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

    def _judge(self) -> Iterator[Finding]:
        """Read everything back; what is broken beside what the auditor finds."""
        auditor, engine, now_ms = self._auditor, self._engine, self._engine.now_ms()
        network, disk = engine.catalogue.network, engine.disk
        rows = {step[0].tap.tap_id: step for step in disk.rows}
        for tap_id in self._wire.sent:
            step = rows.get(tap_id)
            if step is None:
                auditor.read_back(tap_id, 404, None, now_ms)
                continue
            verdict, _, _, detail = step
            explanation = Explanation(
                verdict=verdict,
                entry=None,
                closed_by=None,
                waived_before=None,
                report=disk.reports.get(verdict.row),
                conflicts=engine.count_conflicts(verdict.row),
                detail=detail or None,
                adjustments=[],
            )
            document = explain(explanation, network).model_dump(mode="json")
            auditor.read_back(tap_id, 200, document, now_ms)
        for station_id, station in self._stations.items():
            auditor.outbox(f"{station_id}-1", station.list_held())
            for tap_id in station.list_alone():
                if tap_id in rows and rows[tap_id][0].row not in disk.reports:
                    yield Finding("report-lost", f"{station_id} decided {tap_id} alone")
            if station.broken is not None:
                yield Finding("upkeep-died", f"{station_id}: {station.broken!r}")
        auditor.settled(settle_day(disk, engine.catalogue, now_ms), now_ms + RUNS_MS[-1])
        auditor.finish()
        for told in list_broken(disk, self._wire.acknowledged, self._wire.conflicted):
            yield Finding("invariant", told)

    def _strike(self, fault: Fault) -> None:
        """A fault begins; message faults and kills are looked up where they happen."""
        strike = getattr(self, f"_strike_{fault.kind}", None)
        if strike is not None:
            now_ms = self._engine.now_ms()
            if fault.kind not in ("power_cut", "clash"):  # these tell when they come about
                self._journal.fault(fault.kind, now_ms, fault.where, fault.amount)
            strike(fault)

    def _strike_clock(self, fault: Fault) -> None:
        station = self._stations[fault.where]
        station.jump(fault.amount)
        self._loop.call_at(fault.until_s, station.jump, -fault.amount)

    def _strike_skew(self, fault: Fault) -> None:
        self._stations[fault.where].jump(fault.amount)

    def _strike_drift(self, fault: Fault) -> None:
        self._stations[fault.where].drift(fault.amount)

    def _strike_reboot(self, fault: Fault) -> None:
        self._stations[fault.where].lose_power(BOOT_S)

    def _strike_power_cut(self, fault: Fault) -> None:
        self._stations[fault.where].cut_power_at(round(fault.amount))

    def _strike_disk(self, fault: Fault) -> None:
        self._engine.fail_disk(fault.where)

    def _strike_wipe(self, _fault: Fault) -> None:
        self._engine.wipe_index()

    def _strike_publish(self, fault: Fault) -> None:
        """Another window from now on, or from a little later; sometimes it ends again."""
        world, catalogue, now_ms = self._scenario.world, self._engine.catalogue, 0
        now_ms = self._engine.now_ms()
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

    def _strike_suspend(self, fault: Fault) -> None:
        station_id, catalogue = fault.where, self._engine.catalogue
        if not catalogue.list_policies(station_id):
            return
        before = catalogue.suspensions.get(station_id, ())
        if before and before[-1].resumed_at_ms is None:
            return
        suspension = Suspension(station_id, self._engine.now_ms(), "an escalator")
        self._publish(suspensions={**catalogue.suspensions, station_id: (*before, suspension)})
        self._loop.call_at(fault.until_s, self._resume, station_id)

    def _resume(self, station_id: str) -> None:
        suspensions = self._engine.catalogue.suspensions
        *before, latest = suspensions[station_id]
        ended = replace(latest, resumed_at_ms=self._engine.now_ms())
        self._publish(suspensions={**suspensions, station_id: (*before, ended)})

    def _strike_clash(self, fault: Fault) -> None:
        """Somebody sends other content under a tap_id that was acknowledged."""
        known = [*self._wire.acknowledged]
        if not known:
            return
        chance = random.Random(fault.amount)
        tap_id = chance.choice(known)
        gate_id = tap_id.partition(".")[0]
        directions = self._engine.catalogue.gates[gate_id].directions
        direction = chance.choice(sorted(directions)).name.lower()
        at_ms = self._engine.now_ms() + chance.choice((0, 1, 600_000))
        medium = Medium("qr", token=chance.randbytes(16).hex())
        message = TapMessage(tap_id, gate_id, direction, medium, format_ms(at_ms))
        self._journal.fault("clash", self._engine.now_ms(), fault.where, tap_id)
        clash = self._loop.create_task(self._stations[fault.where].clash(message))
        self._clashes.append(clash)

    def _strike_mode(self, fault: Fault) -> None:
        """A station lets something go for a while."""
        station_id, code = fault.where.split()
        catalogue, now_ms = self._engine.catalogue, self._engine.now_ms()
        before = catalogue.list_modes(station_id)
        number = 1 + sum(map(len, catalogue.modes.values()))
        mode = DegradedMode(station_id, MODES_BY_CODE[code], now_ms, "a fire", number=number)
        self._use(catalogue.with_modes(station_id, (*before, mode)))
        self._loop.call_at(fault.until_s, self._end_mode, station_id, number)

    def _end_mode(self, station_id: str, number: int) -> None:
        catalogue, now_ms = self._engine.catalogue, self._engine.now_ms()
        modes = tuple(
            replace(mode, effective_to_ms=now_ms) if mode.number == number else mode
            for mode in catalogue.list_modes(station_id)
        )
        self._use(catalogue.with_modes(station_id, modes))

    def _strike_block(self, fault: Fault) -> None:
        """A medium is blocked, and after a while no more."""
        passengers = self._scenario.passengers
        one = passengers[int(fault.amount * len(passengers))]
        token = TokenMaker(TOKEN_KEY).token(one.medium_type, one.medium_id)
        self._auditor.changing()
        self._engine.block_list.add(token, self._engine.now_ms())
        self._tell_published()
        self._loop.call_at(fault.until_s, self._unblock, token)

    def _unblock(self, token: bytes) -> None:
        self._auditor.changing()
        self._engine.block_list.remove(token)
        self._tell_published()

    def _publish(self, **changes: object) -> None:
        """A change of what is published, at once."""
        self._use(replace(self._engine.catalogue, **changes))  # type: ignore[arg-type]

    def _use(self, catalogue: Catalogue) -> None:
        self._auditor.changing()
        self._engine.use(catalogue)
        self._tell_published()

    def _tell_published(self) -> None:
        engine = self._engine
        blocked = engine.block_list.since_ms
        self._auditor.changed(self._teller.tell(engine.catalogue, blocked, self._skews))

    def _take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """A heartbeat arrives; the auditor hears of clocks that become wrong, or right again."""
        engine, tolerance_ms = self._engine, self._scenario.world.tariff.clock_skew_tolerance_ms
        known = {gate_id: self._skews.get(gate_id, (0, 0))[0] for gate_id in skews_ms}
        if all(
            (abs(skew_ms) > tolerance_ms) == (abs(known[gate_id]) > tolerance_ms)
            for gate_id, skew_ms in skews_ms.items()
        ):
            engine.take_skews(skews_ms)
            return
        now_ms = engine.now_ms()
        self._auditor.changing()
        engine.take_skews(skews_ms)
        self._skews.update({gate_id: (skew_ms, now_ms) for gate_id, skew_ms in skews_ms.items()})
        self._tell_published()
        self._journal.tell(now_ms, "engine", "hears of clocks: {}", skews_ms)
