"""What is measured in an attack: the server's memory, honest taps, and somebody who looks in."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from benchmarks.attacks.attacker import Traffic, attacking
from benchmarks.attacks.catalogue import Attack
from benchmarks.served import Running
from simulator.delivery.http_client import connect, request_bytes
from simulator.delivery.pacing import Answer, Due, send_on_time

TAPS_A_SECOND: Final = 100
CONNECTIONS: Final = 8
SAMPLE_S: Final = 0.02
LOOK_IN_S: Final = 0.25
LOOK_IN_MAX_S: Final = 10.0
PAGE_BYTES: Final = 4_096
REST_S_MIN: Final = 1.0
START_S: Final = 2.0


class Cost(NamedTuple):
    """What an attack cost: bytes of the server, milliseconds of the others."""

    before_bytes: int
    most_bytes: int
    after_bytes: int
    p50_ms: float
    p99_ms: float
    unanswered: int
    ready_ms: float
    """The longest time for `/readyz` over a connection of its own."""
    not_ready: int
    traffic: Traffic


class Honest:
    """A controller: taps of one gate at a steady pace, over connections that it keeps."""

    def __init__(self, port: int, key: str, gate_id: str) -> None:
        self._port = port
        self._key = key
        self._gate_id = gate_id
        self._taps: list[tuple[float, float | None]] = []

    def send_for(self, seconds: float) -> None:
        """Send taps for so long, each timed from when it was due."""
        uvloop.run(self._send_for(seconds))

    def list_latencies(self, begun: float, ended: float) -> list[float | None]:
        """Of the taps answered between two instants, the seconds; None for one without a 200."""
        return [taken_s for at, taken_s in self._taps if begun <= at <= ended]

    async def _send_for(self, seconds: float) -> None:
        timetable = [
            Due(number / TAPS_A_SECOND, number % CONNECTIONS, self._make_request(number), None)
            for number in range(int(seconds * TAPS_A_SECOND))
        ]
        lines = await connect(self._port, CONNECTIONS)
        await send_on_time(lines, timetable, lambda _due, _late: None, self._answered)

    def _answered(self, _due: Due[None], taken_s: float, answer: Answer) -> None:
        is_good = answer.exception() is None and answer.result()[0] == 200
        self._taps.append((time.perf_counter(), taken_s if is_good else None))

    def _make_request(self, number: int) -> bytes:
        tap = {
            "tap_id": f"{self._gate_id}.20250303.{number:06}",
            "gate_id": self._gate_id,
            "direction": "entry",
            "medium": {"type": "tianfutong", "id": f"31{number:014}"},
            "occurred_at": "2025-03-03T08:10:00.000+08:00",
        }
        return request_bytes("/v1/taps", self._key, json.dumps(tap).encode())


class Watch:
    """Reads the memory of a process again and again, and asks it whether it is ready."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._ended = threading.Event()
        self.most_bytes = 0
        self.ready_s = 0.0
        self.not_ready = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch during the block."""
        threads = [threading.Thread(target=run) for run in (self._weigh, self._look_in)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _weigh(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.most_bytes = max(self.most_bytes, get_resident_bytes(self._server))

    def _look_in(self) -> None:
        while not self._ended.wait(LOOK_IN_S):
            begun = time.perf_counter()
            if not _is_ready(self._server.port):
                self.not_ready += 1
            self.ready_s = max(self.ready_s, time.perf_counter() - begun)


def measure(server: Running, honest: Honest, attack: Attack, seconds: float) -> Cost:
    """Attack a server amid the taps of an honest client, and let it come to rest again."""
    rest_s = max(REST_S_MIN, seconds / 2)
    watch = Watch(server)
    with ThreadPoolExecutor(1) as threads:
        # The attacker's process takes a while to start, and the taps must go on behind its end.
        taps = threads.submit(honest.send_for, seconds + 2 * rest_s + START_S)
        time.sleep(rest_s)
        before = get_resident_bytes(server)
        with attacking(attack, server.port, seconds) as wait, watch.watching():
            begun = time.perf_counter()
            traffic = wait()
            ended = time.perf_counter()
        taps.result()
    latencies = honest.list_latencies(begun, ended)
    good = sorted(taken_s for taken_s in latencies if taken_s is not None)
    return Cost(
        before_bytes=before,
        most_bytes=watch.most_bytes,
        after_bytes=get_resident_bytes(server),
        p50_ms=_quantile_ms(good, 0.5),
        p99_ms=_quantile_ms(good, 0.99),
        unanswered=len(latencies) - len(good),
        ready_ms=watch.ready_s * 1_000,
        not_ready=watch.not_ready,
        traffic=traffic,
    )


def get_resident_bytes(server: Running) -> int:
    """Memory in use by the server and all it started."""
    total = 0
    for pid in server.list_processes():
        with suppress(FileNotFoundError, ProcessLookupError):
            total += int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES
    return total


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LOOK_IN_MAX_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _quantile_ms(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return float("inf")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000
