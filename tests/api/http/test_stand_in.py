"""While the disk hangs health and metrics answer, and nobody waits for ever."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from queue import SimpleQueue

import httpx2
import pytest

from api.http.stand_in import CONNECTIONS_MAX
from tests.api.contract.test_problems import check
from tests.api.http.routes.test_health import measure
from tests.frozen_disk import FrozenDisk
from tests.server_process import FARE_ENGINE, ServerProcess, make_tap, new_card

pytestmark = pytest.mark.slow

PATIENCE_S = 60
TIME = "2021-11-25T08:00:00+08:00"
IN_THE_THREAD = {"FARE_COMMIT_INLINE_TAPS_MAX": "0"}


@pytest.fixture
def disk() -> Iterator[FrozenDisk]:
    disk = FrozenDisk()
    yield disk
    disk.close()


@pytest.fixture
def make_frozen(
    disk: FrozenDisk, make_server: Callable[..., ServerProcess]
) -> Iterator[Callable[..., ServerProcess]]:
    """Makes a server on that disk; it thaws before the server is stopped."""

    def make(**environment: str) -> ServerProcess:
        return make_server(program=disk.program(FARE_ENGINE), **environment)

    yield make
    disk.thaw()


class Waiting:
    """Taps that are sent by threads, each on a connection of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.answers: SimpleQueue[httpx2.Response] = SimpleQueue()

    def send(self) -> None:
        """Send a tap, and let somebody else wait for its answer."""
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
        with self._server.client() as client:
            self.answers.put(client.post("/v1/taps", json=tap))


def wait_until_ready(client: httpx2.Client) -> None:
    """The loop turns again, and what hung ends."""
    while client.get("/readyz").status_code == 503:
        pass


def freeze_with_a_tap(disk: FrozenDisk, server: ServerProcess) -> Waiting:
    """Freeze the disk under a tap."""
    waiting = Waiting(server)
    disk.freeze()
    waiting.send()
    assert disk.waiting.wait(PATIENCE_S)
    return waiting


def test_a_server_whose_loop_hangs_in_the_disk_says_so_and_goes_on_afterwards(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen()
    waiting = freeze_with_a_tap(disk, server)
    with server.client() as client:
        assert client.get("/livez").json() == {"status": "alive"}
        members = check(client.get("/readyz"), 503, "not-ready")
        assert "has not turned for" in members["detail"]
        assert measure(client)["fare_loop_stalled_seconds"] > 1
        tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
        refused = client.post("/v1/taps", json=tap)
        check(refused, 503, "ledger-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        large = client.post("/v1/taps/batch", content=b"x" * 900_000)
        check(large, 503, "ledger-unavailable")
        disk.thaw()
        assert waiting.answers.get(timeout=PATIENCE_S).status_code == 200
        wait_until_ready(client)
        assert client.post("/v1/taps", json=tap).json()["outcome"] == "entered"
        assert measure(client)["fare_loop_stalled_seconds"] == 0


def test_clients_that_say_nothing_do_not_silence_it(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen()
    freeze_with_a_tap(disk, server)
    with ExitStack() as silent, server.client() as client:
        for _ in range(2 * CONNECTIONS_MAX):
            address = ("127.0.0.1", server.port)
            silent.enter_context(socket.create_connection(address, PATIENCE_S))
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 503
        disk.thaw()
        wait_until_ready(client)
        tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
        assert client.post("/v1/taps", json=tap).status_code == 200


def test_taps_that_wait_for_a_commit_that_hangs_are_answered_and_no_more_begin_to_wait(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen(**IN_THE_THREAD)
    waiting = freeze_with_a_tap(disk, server)
    waiting.send()
    with server.client() as client:
        assert client.get("/livez").status_code == 200
        for _ in range(2):
            check(waiting.answers.get(timeout=PATIENCE_S), 503, "ledger-unavailable")
        tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
        check(client.post("/v1/taps", json=tap), 503, "ledger-unavailable")
        check(client.get("/readyz"), 503, "not-ready")
        measured = measure(client)
        assert measured["fare_ledger_stalled_seconds"] > 1
        assert measured["fare_taps_pending"] == 0
        disk.thaw()
        wait_until_ready(client)
        assert client.post("/v1/taps", json=tap).status_code == 200


def test_a_tap_of_a_commit_that_hung_is_known_when_it_comes_again(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen(**IN_THE_THREAD)
    tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
    disk.freeze()
    with server.client() as client:
        check(client.post("/v1/taps", json=tap), 503, "ledger-unavailable")
        disk.thaw()
        while (again := client.post("/v1/taps", json=tap)).status_code == 503:
            pass  # the commit that hung ends
        assert again.headers["Idempotent-Replayed"] == "true"
        other = make_tap("FHY-A-01", "entry", tap["medium"]["id"], "2021-11-25T08:01:00+08:00")
        assert client.post("/v1/taps", json=other).json()["reason"] == "entry_repeated"


def test_operators_calls_that_hang_do_not_silence_health(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen(**IN_THE_THREAD)
    disk.freeze()

    def suspend() -> None:
        with server.client(server.admin_key) as admin:
            admin.post("/v1/stations/FHY/policies/suspend", json={"reason": "test"})

    threads = [threading.Thread(target=suspend) for _ in range(40)]
    for thread in threads:
        thread.start()
    assert disk.waiting.wait(PATIENCE_S)
    with server.client() as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/metrics").status_code == 200
        # What was stored just before counts for two seconds.
        deadline = time.monotonic() + PATIENCE_S
        while (answer := client.get("/readyz")).status_code == 200:
            assert time.monotonic() < deadline
        check(answer, 503, "not-ready")
    disk.thaw()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_a_server_whose_ledger_hangs_can_be_stopped(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen(**IN_THE_THREAD)
    waiting = freeze_with_a_tap(disk, server)
    check(waiting.answers.get(timeout=PATIENCE_S), 503, "ledger-unavailable")
    assert server.stop() == 1
    disk.thaw()
    server.restart()


def test_a_probe_that_hangs_does_not_keep_a_server_from_ending(
    disk: FrozenDisk, make_frozen: Callable[..., ServerProcess]
) -> None:
    server = make_frozen()
    with server.client() as client:
        disk.freeze()
        while client.get("/readyz").status_code == 200:
            pass
    assert disk.waiting.is_set()
    assert server.stop() == 0
