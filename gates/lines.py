"""A lane for scripts: a command a line, an answer a line.

::

    FHY-A-01 entry tianfutong:3104870512345678      a card at a gate
    FHY-A-01 exit code:...                          a ride code at a gate
    not-passed FHY-A-01 turned back                 nobody passed at that gate's latest tap
    mode start emergency smoke                      a degraded mode of the station, by hand
    mode end emergency
    wait                                            until the backlog is empty
    status

Answers are JSON. The answer to a line that cannot be read is an error.
"""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from fare_engine.network import DIRECTION_WORDS, DIRECTIONS, Direction
from gates.controller import Passage
from gates.errors import GatesError, UnknownTap, WrongUsage
from gates.reading import Card, Medium, RideCode
from gates.station import Station
from gates.times import now_ms

LINES_MAX: Final = 1_000
"""Lines read ahead of the gates."""


class _Display:
    """A barrier that only shows what it would do."""

    def __init__(self, show: Callable[[Passage], None]) -> None:
        self.act = show


class Lane:
    """Carries out lines at a station's gates; `show` is called when a gate acts."""

    def __init__(self, station: Station, show: Callable[[Passage], None]) -> None:
        self._station = station
        self._barrier = _Display(show)
        self._latest: dict[str, str] = {}

    async def carry_out(self, line: str) -> dict[str, Any] | None:
        """Do what a line says; the answer, if there is one. GatesError when it cannot be done."""
        words = line.split()
        if len(words) > 2 and words[1] in DIRECTIONS:
            medium = line.rstrip("\r\n").split(maxsplit=2)[2]  # a ride code may hold spaces
            return await self._tap(words[0], DIRECTIONS[words[1]], parse_medium(medium))
        match words:
            case []:
                return None
            case [word, *_] if word.startswith("#"):
                return None
            case ["wait"]:
                await self._station.upkeep.empty.wait()
                return self._status()
            case ["status"]:
                return self._status()
            case ["not-passed", gate_id, *cause]:
                return self._report(gate_id, " ".join(cause) or None)
            case ["mode", "start", mode, *reason]:
                parameters = self._station.controller.parameters
                parameters.start_mode(mode, now_ms(), " ".join(reason))
                return self._status()
            case ["mode", "end", mode]:
                self._station.controller.parameters.end_mode(mode, now_ms())
                return self._status()
        raise WrongUsage(f"cannot be read: {line.strip()[:60]!r}")

    async def _tap(self, gate_id: str, direction: Direction, medium: Medium) -> dict[str, Any]:
        controller = self._station.controller
        passage = await controller.present(gate_id, direction, medium, self._barrier)
        if passage.tap_id is not None:
            self._latest[gate_id] = passage.tap_id
        return view_passage(passage)

    def _report(self, gate_id: str, cause: str | None) -> dict[str, Any]:
        tap_id = self._latest.get(gate_id)
        if tap_id is None:
            raise UnknownTap(f"there was no tap at {gate_id} yet")
        self._station.controller.report(tap_id, passed=False, cause=cause)
        return {"tap_id": tap_id, "passed": False}

    def _status(self) -> dict[str, Any]:
        controller = self._station.controller
        current = controller.parameters.current
        skew = self._station.client.find_skew()
        counts = controller.outbox.count()
        return {
            "waiting": counts.waiting,
            "set_aside": counts.quarantined,
            "reports_waiting": counts.reports_waiting,
            "breaker": controller.breaker.state.value,
            "parameters_version": None if current is None else current.version,
            "modes": controller.parameters.find_modes(now_ms()).codes,
            "clock_skew_ms": None if skew is None else skew.skew_ms,
            "clock_uncertainty_ms": None if skew is None else skew.uncertainty_ms,
        }


def parse_medium(text: str) -> Medium:
    """A medium from its text: `type:id`, or `code:` and a ride code."""
    kind, colon, rest = text.partition(":")
    if not colon or not rest:
        raise WrongUsage("a medium is written type:id, or code: and a ride code")
    return RideCode(rest) if kind == "code" else Card(kind, rest)


def view_passage(passage: Passage) -> dict[str, Any]:
    """A passage as JSON."""
    return {
        "tap_id": passage.tap_id,
        "gate_id": passage.gate_id,
        "direction": DIRECTION_WORDS[passage.direction],
        "gate_action": "open" if passage.opens else "refuse",
        "fare": passage.fare,
        "fare_waived": passage.fare_waived,
        "reason": passage.reason,
        "alone": passage.alone,
    }


def view_error(error: GatesError) -> dict[str, Any]:
    """An error as JSON."""
    return {"error": error.code, "detail": str(error)}


async def run_lines(station: Station) -> None:
    """Carry out the lines of standard input, to its end."""
    lane = Lane(station, lambda _passage: None)
    async for line in read_lines():
        try:
            answer = await lane.carry_out(line)
        except GatesError as error:
            answer = view_error(error)
        if answer is not None:
            print(json.dumps(answer, ensure_ascii=False), flush=True)


async def read_lines() -> AsyncIterator[str]:
    """Lines of standard input, read by a thread that does not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue(LINES_MAX)

    def put(line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()

    def read() -> None:
        for line in sys.stdin:
            put(line)
        put(None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
