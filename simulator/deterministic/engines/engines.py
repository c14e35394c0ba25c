"""All engines of a scenario: who gets a request, who learns when what is published, who fails."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.published import Published
from simulator.deterministic.engines.engine_process import EngineProcess, MakeEngine, Respond
from simulator.deterministic.engines.shared import Shared
from simulator.deterministic.faults import Fault
from simulator.deterministic.journal import Journal
from simulator.deterministic.storage.lying_store import LyingStore
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.virtual_time import VirtualLoop

ELSEWHERE_SHARE: Final = 0.7
"""How often a request that is sent again goes to another engine on purpose."""
LEARNS_AFTER_S: Final = (0.002, 0.002, 0.05, 0.5, 0.5, 30.0)
"""After how long an engine learns by itself that something was published."""
LOOK_AGAIN_S: Final = 0.02


class Engines:
    """One engine or several, over one disk."""

    def __init__(
        self,
        loop: VirtualLoop,
        start_ms: int,
        catalogue: Catalogue,
        seed: int,
        count: int,
        faults: Sequence[Fault],
        journal: Journal,
        make_engine: MakeEngine = Engine,
    ) -> None:
        self.disk = SharedDisk(catalogue)
        store = LyingStore(loop, random.Random(f"cache {seed}"))
        self.shared = Shared(loop, start_ms, count, self.disk, store, journal)
        self._loop = loop
        self._chance = random.Random(f"engines {seed}")
        self._latest: dict[str, int] = {}
        self.processes = [
            EngineProcess(
                self.shared,
                "engine" if count == 1 else f"engine{number + 1}",
                random.Random(f"engine {seed}" + f" {number}" * (count > 1)),
                [
                    fault
                    for fault in faults
                    if fault.kind in ("kill", "sleep") and int(fault.amount * count) == number
                ],
                make_engine,
            )
            for number in range(count)
        ]

    @property
    def catalogue(self) -> Catalogue:
        """What is published."""
        return self.disk.published.catalogue

    @property
    def blocked(self) -> Mapping[bytes, int]:
        """Blocked tokens, with since when."""
        return self.disk.published.blocked

    def now_ms(self) -> int:
        """The engines' clock, which is always right."""
        return self.shared.now_ms()

    def take(self, path: str, body: bytes, tap_ids: Sequence[str], respond: Respond) -> None:
        """A request arrived at one of the engines; sent again, mostly at another one."""
        self._route(tap_ids).take(path, body, respond)

    def choose(self) -> EngineProcess:
        """Any engine."""
        if len(self.processes) == 1:
            return self.processes[0]
        return self._chance.choice(self.processes)

    def strike(self, fault: Fault) -> EngineProcess:
        """The engine that a fault is about."""
        return self.processes[int(fault.amount * len(self.processes))]

    def publish(self, catalogue: Catalogue) -> None:
        """Another catalogue counts from now on, whenever each engine learns of it."""
        self.disk.published = replace(self._raise_version(), catalogue=catalogue)
        if len(self.processes) == 1:
            self._use_everywhere()
        else:
            for process in self.processes:
                process.use_later(self._chance.choice(LEARNS_AFTER_S))

    def block(self, blocked: Mapping[bytes, int]) -> None:
        """Other media are blocked; the edge of every engine knows at once (see `when_quiet`)."""
        self.disk.published = replace(self._raise_version(), blocked=blocked)
        self._use_everywhere()

    def take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """A controller reports how far its gates' clocks are off; all engines know at once."""
        first, *others = self.processes
        stored = len(self.disk.skews)
        first.take_skews(skews_ms)
        changes = {gate_id: skew_ms for gate_id, _, skew_ms in self.disk.skews[stored:]}
        for process in others:
            process.use_skews(skews_ms, changes)

    def when_quiet(self, change: Callable[[], None]) -> None:
        """Change something that engines ask at their edge, and that no commit compares.

        With several engines there is no order between what one of them has read before and another
        after; so it is changed while none of them has anything to do.
        """
        is_quiet = not self.shared.lost_statements and all(one.is_idle for one in self.processes)
        if len(self.processes) == 1 or is_quiet:
            change()
        else:
            self._loop.call_later(LOOK_AGAIN_S, self.when_quiet, change)

    def fail_over(self, lost_commits: int) -> None:
        """Another machine has the disk now, without the latest commits: a new epoch."""
        if lost_commits:
            self.disk.lose(lost_commits)
        self.disk.epoch += 1

    def _raise_version(self) -> Published:
        return replace(self.disk.published, version=self.disk.published.version + 1)

    def _use_everywhere(self) -> None:
        for process in self.processes:
            process.use(self.disk.published)

    def _route(self, tap_ids: Sequence[str]) -> EngineProcess:
        processes, chance = self.processes, self._chance
        if len(processes) == 1:
            return processes[0]
        number = chance.randrange(len(processes))
        if self._latest.get(tap_ids[0]) == number and chance.random() < ELSEWHERE_SHARE:
            number = (number + 1) % len(processes)
        self._latest.update(dict.fromkeys(tap_ids, number))
        return processes[number]
