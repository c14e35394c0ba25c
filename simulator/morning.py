"""A morning at 孵化园: `python -m simulator.morning run` goes on until interrupted, `demo` ends.

Both set up an engine on its embedded default in a scratch directory, serve it, and send it the taps
of simulated gates over HTTP. `demo` holds every answer against the passenger's intention and fails
when one is not as it should be.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from simulator.passengers import Crowd, Gates, Passenger
from simulator.report import explain, tell_demo
from simulator.sending import Tally, send_passenger
from simulator.serving import NotServed, Served, serving

PASSENGERS_OF_DEMO = 1_500
FROM_MS = 1_740_956_400_000
"""2025-03-03 07:00 in Chengdu, a Monday."""
TO_MS = FROM_MS + 150 * 60_000
AT_ONCE = 16
SUMMARY_SECONDS = 5


def main() -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulator.morning", description=__doc__)
    parser.add_argument("what", choices=("run", "demo"))
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rate", type=float, default=10.0, help="passengers a second (run)")
    parser.add_argument("--passengers", type=int, default=PASSENGERS_OF_DEMO, help="(demo)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fare-engine-") as scratch:
        try:
            with serving(Path(scratch) / "data", options.port) as served:
                print(f"fare-engine serves {served.url} (documentation: {served.url}/docs)")
                if options.what == "demo":
                    return asyncio.run(demo(served, options.seed, options.passengers))
                return asyncio.run(run(served, options.seed, options.rate))
        except NotServed as error:
            print(f"the engine did not start: {error}", file=sys.stderr)
            return 1


async def demo(served: Served, seed: int, passengers: int) -> int:
    """One bounded morning, as fast as it goes, and its report."""
    crowd = Crowd(Gates.of_setup(served.setup), seed)
    waiting = list(crowd.list_of_day(passengers, FROM_MS, TO_MS))
    print(f"{passengers} passengers between 07:00 and 09:30 at 孵化园 and 春熙路, seed {seed}")
    tally = Tally()
    begun = time.perf_counter()
    async with _client(served, "gate_key") as client:
        await asyncio.gather(*[_send_all(client, waiting, tally) for _ in range(AT_ONCE)])
    taken_seconds = time.perf_counter() - begun
    async with _client(served, "admin_key") as client:
        print(tell_demo(tally, taken_seconds))
        if tally.exceeded:
            _, tap_id = min(tally.exceeded)
            answer = await client.get(f"/v1/taps/{tap_id}")
            print(explain(answer.json()))
    for fault in tally.faults[:20]:
        print(f"WRONG  {fault}", file=sys.stderr)
    return 1 if tally.faults else 0


async def run(served: Served, seed: int, rate: float) -> int:
    """Passengers at a steady pace, with the clocks of now, until interrupted."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    print("simulated gates at 孵化园 and 春熙路 send taps; Ctrl-C ends it", flush=True)
    crowd = Crowd(Gates.of_setup(served.setup), seed)
    tally = Tally()
    async with _client(served, "gate_key") as client:
        sending: set[asyncio.Task[None]] = set()
        next_summary = time.monotonic()
        while not stopped.is_set():
            passenger = crowd.make_until(time.time_ns() // 1_000_000)
            task = asyncio.create_task(send_passenger(client, passenger, tally))
            sending.add(task)
            task.add_done_callback(sending.discard)
            if time.monotonic() >= next_summary and tally.taps:
                next_summary = time.monotonic() + SUMMARY_SECONDS
                print(_summary(tally), flush=True)
            try:
                await asyncio.wait_for(stopped.wait(), 1 / rate)
            except TimeoutError:
                continue
        await asyncio.gather(*sending)
    print(_summary(tally))
    return 1 if tally.faults else 0


def _summary(tally: Tally) -> str:
    counts = dict.fromkeys(("entered", "waived", "charged", "unmatched"), 0)
    for (outcome, _), count in tally.outcomes.items():
        counts[outcome] = counts.get(outcome, 0) + count
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    del tally.latencies_ms[:-10_000]
    wrong = f", WRONG: {len(tally.faults)} ({tally.faults[0]})" if tally.faults else ""
    return (
        f"{tally.taps} taps: {told}; answered in {tally.latency_ms(0.5):.1f} ms (p50), "
        f"{tally.latency_ms(0.99):.1f} ms (p99){wrong}   {tally.sentence}"
    )


async def _send_all(client: httpx2.AsyncClient, waiting: list[Passenger], tally: Tally) -> None:
    while waiting:
        await send_passenger(client, waiting.pop(), tally)


@asynccontextmanager
async def _client(served: Served, key: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {served.setup[key]}"}
    async with httpx2.AsyncClient(
        base_url=served.url, headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


if __name__ == "__main__":
    sys.exit(main())
