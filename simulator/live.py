"""A morning that goes on: passengers at a steady pace, gates with the clocks of now."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from simulator.delivery.checking import Check
from simulator.delivery.exchanges import Exchanges
from simulator.delivery.figures import Figures
from simulator.delivery.over_http import OverHttp
from simulator.delivery.requests import Controllers, make_requests
from simulator.sentences import Names
from simulator.serving import NotServed
from simulator.timetable import Timetable
from simulator.world.metro import Metro
from simulator.world.presenting import Presenter

SUMMARY_S: Final = 5.0
FIRST_SUMMARY_S: Final = 1.0
EXAMPLES: Final = 2
CONNECTIONS: Final = 16
NUMBERS_PER_MS: Final = 10
OUTCOMES: Final = ("entered", "waived", "charged", "unmatched")


class Examples(Exchanges):
    """Keeps nothing but the latest answer of each reason that was no entry."""

    def __init__(self) -> None:
        super().__init__(kept_max=0)
        self.latest: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def add(
        self, path: str, body: bytes, status: int, answer: bytes, sent_ms: int, received_ms: int
    ) -> None:
        """As `Exchanges`."""
        super().add(path, body, status, answer, sent_ms, received_ms)
        document = msgspec.json.decode(answer)
        if not path.endswith("/report") and document.get("outcome", "entered") != "entered":
            self.latest[document["reason"]] = body, document


class Live:
    """A run: what is due is sent, and what was answered is summed up now and then."""

    def __init__(
        self, url: str, key: str, metro: Metro, timetable: Timetable, start_ms: int
    ) -> None:
        self._key = key
        self._url = url
        self._names = Names(metro)
        # Two runs on one directory share no passenger and no tap.
        self._presenter = Presenter(metro, start_ms * NUMBERS_PER_MS, str(start_ms))
        self._timetable = timetable
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self._check = Check(self._presenter, blocks=False)
        self._figures = Figures(0.0, over_time=False)
        self._examples = Examples()
        self._delivery = OverHttp(
            self._url, self._presenter, self._check, self._figures, self._examples
        )

    async def send_due(self, now_ms: int) -> None:
        """Send what is due; NotServed when an answer did not come."""
        self._timetable.advance(now_ms)
        due = ((0.0, tap) for tap in self._timetable.take_until(now_ms))
        requests = make_requests(due, self._presenter, self._key, Controllers(CONNECTIONS))
        await self._delivery.send_now(requests, CONNECTIONS)
        if self._delivery.is_lost:
            raise NotServed(f"the server was lost: {self._delivery.errors.examples[-1]}")

    async def settle(self) -> None:
        """Wait for all answers."""
        await self._delivery.drain()

    def summary(self) -> str:
        """Where the run stands, with the commonest and the rarest of what came since the last."""
        counts: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        reasons: Counter[str] = Counter()
        for (_, outcome, reason), taps in self._check.reasons.items():
            counts[outcome] += taps
            reasons[reason] += taps
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
        latency = self._figures.latency.document() or {"p50": 0.0, "p99": 0.0}
        text = (
            f"{self._check.taps:,} taps: {outcomes}; answered in {latency['p50']:.1f} ms (p50), "
            f"{latency['p99']:.1f} ms (p99)"
        )
        latest = self._examples.latest
        for faults in (self._check.wrong, self._delivery.errors):
            if faults.count:
                text += f"\n    {faults.count:,} not as intended, such as {faults.examples[-1]}"
        by_frequency = sorted(latest, key=lambda reason: reasons[reason])
        for reason in [*by_frequency[-1:], *by_frequency[: EXAMPLES - 1]][: len(by_frequency)]:
            body, answer = latest[reason]
            text += f"\n    {self._names.format_tap(msgspec.json.decode(body), answer)}"
        latest.clear()
        return text


async def send_live(
    url: str, key: str, metro: Metro, seed: int, rate: float, say: Callable[[str], None]
) -> None:
    """Send taps until interrupted. A run shows what is: a suspended pilot shows here, too."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    start_ms = _now_ms()
    timetable = Timetable(metro, seed, rate, start_ms)
    live = Live(url, key, metro, timetable, start_ms)
    say(f"{timetable.came_before:,} passengers are inside already: their taps come first")
    for _ in range(2):  # the second time what fell due in the first
        await live.send_due(_now_ms())
        await live.settle()
    live.begin()
    next_summary_s = time.monotonic() + FIRST_SUMMARY_S
    while not stopped.is_set():
        await live.send_due(_now_ms())
        if time.monotonic() >= next_summary_s:
            next_summary_s = time.monotonic() + SUMMARY_S
            say(live.summary())
        try:
            await asyncio.wait_for(stopped.wait(), timetable.find_pause_s(_now_ms()))
        except TimeoutError:
            continue
    await live.settle()
    say(live.summary())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
