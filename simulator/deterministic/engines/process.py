"""A process in virtual time: its steps take a while, and it can be killed or fall asleep at any."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from simulator.deterministic.engines.shared import Shared
from simulator.deterministic.faults import Fault

STEP_S: Final = (0.0002, 0.004)
LONG_STEP_S: Final = 0.15
LONG_SHARE: Final = 0.03


class Process(ABC):
    """Lives, dies and starts again; what it meant to do in a life that has ended is not done."""

    def __init__(
        self, shared: Shared, name: str, chance: random.Random, faults: list[Fault]
    ) -> None:
        """`faults` are its kills and sleeps."""
        self.name = name
        self.is_up = True
        self._shared = shared
        self._loop = shared.loop
        self._chance = chance
        self._faults = faults
        self._life = 1
        self._wakes_s = 0.0

    @property
    def is_asleep(self) -> bool:
        """Whether it does nothing for a while."""
        return self._loop.time() < self._wakes_s

    @abstractmethod
    def _start(self) -> None:
        """Begin with nothing but what is durable."""

    @abstractmethod
    def _died(self) -> None:
        """All it held is gone; those who wait for it notice."""

    @abstractmethod
    def _wake(self) -> None:
        """It goes on after a sleep; this comes first."""

    def _soon(self, step: str, go_on: Callable[..., None], *more: object) -> None:
        """Go on after a while, unless it is killed at this step."""
        chance = self._chance
        takes_s = LONG_STEP_S if chance.random() < LONG_SHARE else chance.uniform(*STEP_S)
        self._loop.call_later(takes_s, self._alive, self._life, self._step, step, go_on, *more)

    def _step(self, step: str, go_on: Callable[..., None], *more: object) -> None:
        if not self._faults or not self._strikes(step):
            go_on(*more)
        elif self.is_up:  # it sleeps, and goes on then
            self._alive(self._life, go_on, *more)

    def _alive(self, life: int, go_on: Callable[..., None], *more: object) -> None:
        """Go on unless it died meanwhile; after its sleep, when it sleeps."""
        if life != self._life or not self.is_up:
            return
        if self.is_asleep:
            self._loop.call_at(self._wakes_s, self._alive, life, go_on, *more)
        else:
            go_on(*more)

    def _strikes(self, step: str) -> bool:
        """Whether it is killed here, or falls asleep."""
        now_s = self._loop.time()
        for fault in self._faults:
            if fault.where == step and fault.at_s <= now_s:
                self._faults.remove(fault)
                shared = self._shared
                shared.journal.fault(fault.kind, shared.now_ms(), self.name, step)
                lasts_s = fault.until_s - fault.at_s
                if fault.kind == "kill":
                    self._die(lasts_s)
                else:
                    self._wakes_s = now_s + lasts_s
                    self._loop.call_at(self._wakes_s, self._alive, self._life, self._wake)
                return True
        return False

    def _die(self, for_s: float) -> None:
        self.is_up = False
        self._died()
        self._loop.call_later(for_s, self._restart)

    def _restart(self) -> None:
        self._shared.journal.note(self._shared.now_ms(), self.name, "starts")
        self._life += 1
        self.is_up = True
        self._start()
