"""The network between stations and engine: messages take their time, get lost, come twice."""

import math
import random
from collections.abc import Callable, Iterable
from typing import Final

from simulator.deterministic.faults import MESSAGE_FAULTS, Fault
from simulator.deterministic.journal import Journal
from simulator.deterministic.virtual_time import VirtualLoop

LATENCY_MIN_S: Final = 0.001
LATENCY_MAX_S: Final = 0.060
DELAY_MAX_S: Final = 30.0
"""No message is under way for longer."""


class Network:
    """Carries messages; every sender has a chance of its own, so that none disturbs another's."""

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        faults: Iterable[Fault],
        journal: Journal,
        now_ms: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._seed = seed
        self._faults = [fault for fault in faults if fault.kind in MESSAGE_FAULTS]
        self._journal = journal
        self._now_ms = now_ms
        self._goes_on: dict[str, list[tuple[str, float]]] = {}
        """What goes wrong now, by station."""
        self._changes_s = 0.0
        """When the next one begins or ends."""
        self._chances: dict[str, random.Random] = {}

    def plan(self, station_id: str, sender: str) -> list[float]:
        """How long each copy of a message will take; none when it gets lost."""
        chance = self._chances.get(sender)
        if chance is None:
            chance = self._chances[sender] = random.Random(f"{self._seed} {sender}")
        takes_s = [LATENCY_MIN_S + (LATENCY_MAX_S - LATENCY_MIN_S) * chance.random()]
        faults = self._list_faults(station_id)
        if not faults:
            return takes_s
        for kind, amount in faults:
            if kind == "partition" or (kind == "lost" and chance.random() < amount):
                self._journal.fault(kind, self._now_ms(), station_id, sender)
                return []
            if kind == "doubled" and chance.random() < amount:
                self._journal.fault(kind, self._now_ms(), station_id, sender)
                takes_s.append(chance.uniform(0, DELAY_MAX_S) ** chance.choice((0.1, 1.0)))
            elif kind == "delayed" and chance.random() < amount:
                self._journal.fault(kind, self._now_ms(), station_id, sender)
                takes_s = [one_s + chance.choice((0.1, 1.0, 25.0)) for one_s in takes_s]
        return [min(one_s, DELAY_MAX_S) for one_s in takes_s]

    def _list_faults(self, station_id: str) -> list[tuple[str, float]]:
        """What goes wrong at a station now; looked up when one begins or ends."""
        now_s = self._loop.time()
        if now_s >= self._changes_s:
            self._goes_on = {}
            changes_s = (at_s for fault in self._faults for at_s in (fault.at_s, fault.until_s))
            self._changes_s = min((at_s for at_s in changes_s if at_s > now_s), default=math.inf)
        faults = self._goes_on.get(station_id)
        if faults is None:
            faults = self._goes_on[station_id] = [
                (fault.kind, fault.amount)
                for fault in self._faults
                if fault.where in (station_id, "everywhere") and fault.at_s <= now_s < fault.until_s
            ]
        return faults
