"""What a passenger of a scenario does, gate after gate, whatever the gates do."""

import asyncio
from typing import Final

from fare_engine.network import Direction
from gates.reading import Card, Medium, RideCode
from simulator.deterministic.phones import show_code
from simulator.deterministic.scenario import Passenger, Step
from simulator.deterministic.stations.client import Wire
from simulator.deterministic.stations.station import Station
from simulator.deterministic.virtual_time import VirtualLoop

TRIES: Final = 3
CLOCKS_AGREE_MS: Final = 3_600_000
"""What two gates' clocks may differ by for somebody to wait for one of them to show something."""
AGAIN_AFTER_S: Final = 4.0
"""At a gate that is dead, or stays shut."""


class Walk:
    """One passenger on her way."""

    def __init__(
        self,
        passenger: Passenger,
        stations: dict[str, Station],
        loop: VirtualLoop,
        wire: Wire,
    ) -> None:
        self._passenger = passenger
        self._stations = stations
        self._loop = loop
        self._wire = wire
        self._entered_ms: int | None = None
        self.taps = 0

    async def go(self) -> None:
        """Do all she means to do."""
        await asyncio.sleep(self._passenger.begins_s)
        for step in self._passenger.steps:
            station = self._stations[step.gate_id.partition("-")[0]]
            await asyncio.sleep(self._waits_s(step, station))
            await self._tap(step, station)

    def _waits_s(self, step: Step, station: Station) -> float:
        if step.exactly_ms is None or self._entered_ms is None:
            return step.after_s
        left_ms = self._entered_ms + step.exactly_ms - station.clock_ms()
        if abs(left_ms) > CLOCKS_AGREE_MS:  # one of the two gates has another day
            left_ms = step.exactly_ms
        return max(0, left_ms) / 1_000

    async def _tap(self, step: Step, station: Station) -> None:
        direction = Direction.ENTRY if step.entering else Direction.EXIT
        for _ in range(TRIES):
            at_ms = station.clock_ms()
            passage = await station.present(step.gate_id, direction, self._show())
            if passage is not None and passage.tap_id is not None:
                self.taps += 1
                if passage.opens:
                    self._passed(step, station, passage.tap_id, at_ms)
                    return
            await asyncio.sleep(AGAIN_AFTER_S)

    def _show(self) -> Medium:
        """What she holds to the gate now."""
        one = self._passenger
        if one.phone is None:
            return Card(one.medium_type, one.medium_id)
        shown = show_code(one.phone, one.medium_id, self._wire.engines.now_ms())
        if shown.facts is not None:
            self._wire.auditor.ride_code(shown.text, shown.facts)
        return RideCode(shown.text)

    def _passed(self, step: Step, station: Station, tap_id: str, at_ms: int) -> None:
        if step.entering:
            self._entered_ms = at_ms
        if step.turns_back_s is not None:
            self._loop.call_later(step.turns_back_s, station.report, tap_id)
