"""Workers that end are replaced, and all of them restart one after the other."""

import http.client
import json
import os
import signal
import threading
from typing import Any

import httpx2

from tests.api.http.workers.two_workers import TwoWorkers, check, wait_for
from tests.server_process import make_tap, new_card

TIME = "2021-11-26T08:00:00+08:00"
CONTROLLERS = 6
PAUSE_SECONDS = 0.05


def test_a_worker_that_is_killed_is_replaced_while_the_other_one_answers(
    workers: TwoWorkers,
) -> None:
    first, second = workers.wait_until_ready()
    os.kill(first.pid, signal.SIGKILL)
    for _ in range(20):
        with httpx2.Client(base_url=workers.server.url, timeout=60, trust_env=False) as client:
            key = {"Authorization": f"Bearer {workers.server.gate_key}"}
            tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
            check(client.post("/v1/taps", json=tap, headers=key))
    after = workers.wait_until_ready(frozenset({first.pid}))
    assert [one.number for one in after] == [1, 2]
    assert after[1].pid == second.pid
    assert 'fare_worker_deaths_total{worker="1"} 1.0' in workers.read_metrics()


class Controller(threading.Thread):
    """Sends tap after tap on a connection that it keeps, until it is said that it may end.

    It opens another one only where an answer has said so: a connection that is closed otherwise
    may have lost an answer, and ends it.
    """

    def __init__(self, workers: TwoWorkers, is_over: threading.Event) -> None:
        super().__init__()
        self._server = workers.server
        self._is_over = is_over
        self.answered: list[tuple[dict[str, Any], Any]] = []
        self.connections = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        headers = {
            "Authorization": f"Bearer {self._server.gate_key}",
            "Content-Type": "application/json",
        }
        try:
            while not self._is_over.wait(PAUSE_SECONDS):
                tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self._server.port)
                    self.connections += 1
                connection.request("POST", "/v1/taps", json.dumps(tap), headers)
                response = connection.getresponse()
                assert response.status == 200, response.read()
                self.answered.append((tap, json.loads(response.read())))
                if response.getheader("connection") == "close":
                    connection.close()
                    connection = None
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self.failure = error
        finally:
            if connection is not None:
                connection.close()


def is_alive(pid: int) -> bool:
    """Whether a process that is not a child of this one is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_restart_under_load_loses_no_answer(workers: TwoWorkers) -> None:
    before = frozenset(one.pid for one in workers.list_workers())
    is_over = threading.Event()
    controllers = [Controller(workers, is_over) for _ in range(CONTROLLERS)]
    for controller in controllers:
        controller.start()
    workers.server.process.send_signal(signal.SIGHUP)
    workers.wait_until_ready(before)
    wait_for(lambda: not any(map(is_alive, before)) or None)
    is_over.set()
    for controller in controllers:
        controller.join()
    assert [controller.failure for controller in controllers] == [None] * CONTROLLERS
    assert all(controller.connections > 1 for controller in controllers)
    with workers.server.client() as client:
        for controller in controllers:
            taps = [tap for tap, _ in controller.answered[-1_000:]]
            results = check(client.post("/v1/taps/batch", json={"taps": taps}))["results"]
            assert results == [answer for _, answer in controller.answered[-1_000:]]


def test_a_restart_that_fails_leaves_the_workers_as_they_are(workers: TwoWorkers) -> None:
    before = workers.list_workers()
    key = workers.server.data_dir / "token.key"
    right = key.read_text()
    key.write_text("ab" * 32 + "\n")
    workers.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: count_failures(workers) == 2 or None)
    key.write_text(right)
    assert workers.list_workers() == before
    with workers.server.client() as client:
        check(client.post("/v1/taps", json=make_tap("FHY-A-01", "entry", new_card(), TIME)))


def count_failures(workers: TwoWorkers) -> int:
    """How many workers had no successor, as the log says."""
    return workers.server.log_path.read_text("utf-8").count("restart_failed")


def test_workers_end_when_the_process_that_runs_them_is_killed(workers: TwoWorkers) -> None:
    running = workers.list_workers()
    workers.server.kill()
    wait_for(lambda: not any(is_alive(one.pid) for one in running) or None)
    workers.server.restart()
    workers.wait_until_ready()
