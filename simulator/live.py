"""A morning that goes on: passengers at a steady pace, gates with the clocks of now."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final

from simulator.crowd import DAY_MS, Crowd, Timetable, count_taps_each
from simulator.metro import Metro
from simulator.passengers import MINUTE_MS, SECOND_MS
from simulator.sending import Sender
from simulator.tally import Tally

SUMMARY_S: Final = 5.0
FIRST_SUMMARY_S: Final = 1.0
EXAMPLES: Final = 2
PAUSE_MAX_S: Final = 0.5
PAST_MS: Final = 5 * MINUTE_MS
PAST_PASSENGERS_MAX: Final = 3_000
BEHIND_MAX_MS: Final = 30 * SECOND_MS
"""Longer behind, the machine was asleep: whoever would have come meanwhile is left out."""
NUMBERS_PER_MS: Final = 10


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Live:
    """Passengers who come at random, so many that their gates send so many taps a second.

    Some came before the start, or the first crossings would end minutes after it. Passengers and
    taps are numbered by the time of the start, so that two runs on one directory share none.
    """

    def __init__(self, metro: Metro, seed: int, taps_per_second: float, now_ms: int) -> None:
        self._crowd = Crowd(metro, seed, now_ms * NUMBERS_PER_MS)
        self.timetable = Timetable(metro, seed, now_ms % DAY_MS)
        self._per_second = taps_per_second / count_taps_each()
        past_ms = min(PAST_MS, PAST_PASSENGERS_MAX / self._per_second * 1_000)
        self._next_ms = now_ms - past_ms
        self.came_before = 0
        while self._next_ms < now_ms:
            self.came_before += self._let_come(only_after_ms=now_ms)

    def advance(self, now_ms: int) -> None:
        """Let those come who are due by now."""
        if now_ms - self._next_ms > BEHIND_MAX_MS:
            self._next_ms = now_ms
        while self._next_ms <= now_ms:
            self._let_come()

    def find_pause_s(self, now_ms: int) -> float:
        """How long nothing is to be done."""
        tap_ms = self.timetable.next_at_ms()
        due_ms = self._next_ms if tap_ms is None else min(self._next_ms, tap_ms)
        return min(max(due_ms - now_ms, 0) / 1_000, PAUSE_MAX_S)

    def _let_come(self, only_after_ms: int = 0) -> bool:
        """The next passenger; not one who was out before an instant, or is in after closing."""
        passenger = self._crowd.make_one(int(self._next_ms))
        self._next_ms += self._crowd.choose_gap_ms(self._per_second)
        comes = passenger.end_ms > only_after_ms and not passenger.is_out_after_the_cut
        if comes:
            self.timetable.add(passenger)
        return comes


async def send_live(
    url: str, metro: Metro, keys: dict[str, str], seed: int, rate: float, say: Callable[[str], None]
) -> None:
    """Send taps until interrupted. A run shows what is: whoever suspends the pilot sees it here."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    live = Live(metro, seed, rate, _now_ms())
    async with Sender(url, metro, keys, Tally(metro)) as sender:
        say(f"{live.came_before:,} passengers are inside already: their taps come first")
        for _ in range(2):  # the second time what fell due in the first
            _send_due(live, sender)
            await sender.drain(stopped)
        tally = sender.tally = Tally(metro)
        next_summary_s = time.monotonic() + FIRST_SUMMARY_S
        while not stopped.is_set():
            _send_due(live, sender)
            if time.monotonic() >= next_summary_s:
                next_summary_s = time.monotonic() + SUMMARY_S
                say(_summary(tally))
            pause_s = live.find_pause_s(_now_ms())
            try:
                await asyncio.wait_for(stopped.wait(), pause_s)
            except TimeoutError:
                continue
        sender.forget()
    say(_summary(sender.tally))


def _send_due(live: Live, sender: Sender) -> None:
    now_ms = _now_ms()
    live.advance(now_ms)
    for tap in live.timetable.take_until(now_ms):
        sender.send(tap)
    sender.check()


def _summary(tally: Tally) -> str:
    """Where the run stands, with the commonest and the rarest of what came since the last."""
    counts = ", ".join(f"{count:,} {name}" for name, count in tally.count_outcomes().items())
    told = (
        f"{tally.taps:,} taps: {counts}; answered in {tally.latency_ms(0.5):.1f} ms (p50), "
        f"{tally.latency_ms(0.99):.1f} ms (p99)"
    )
    if tally.unexpected:
        told += f"\n    {len(tally.unexpected):,} not as intended, such as {tally.unexpected[-1]}"
    taps = {reason: count for (_, reason), count in tally.outcomes.items()}
    reasons = sorted(tally.examples, key=lambda reason: taps[reason])
    for reason in [*reasons[-1:], *reasons[: EXAMPLES - 1]][: len(reasons)]:
        told += f"\n    {tally.examples[reason]}"
    tally.examples.clear()
    tally.elapsed_ms.clear()
    tally.unexpected.clear()
    return told
