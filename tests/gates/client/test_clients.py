"""Both clients against a real engine, and over a connection that breaks."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from gates.client.asynchronous import AsyncEngineClient
from gates.client.blocking import EngineClient
from gates.client.messages import (
    Decision,
    Medium,
    Problem,
    ReportMessage,
    TapMessage,
)
from gates.errors import (
    Busy,
    DeadlinePassed,
    EngineFailed,
    KeyRefused,
    Refused,
    Unreachable,
    WrongUsage,
)
from tests.gates.proxy import DELAY, DROP, DROP_ANSWERS, HALF, PASS, REFUSE, RESET, Proxy
from tests.gates.raw_server import RawServer
from tests.server_process import ServerProcess, new_card, new_number

AT = "2025-03-03T09:00:00.000+08:00"
PATIENT_S = 5.0


class InLoop:
    """The asynchronous client, asked from outside its loop."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncEngineClient(url, key, **options)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return partial(self._run, method) if asyncio.iscoroutinefunction(method) else method

    def close(self) -> None:
        self._client.close()
        self._runner.close()

    def _run(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return self._runner.run(method(*arguments))


Make = Callable[..., Any]


@pytest.fixture(params=[EngineClient, InLoop], ids=["blocking", "asynchronous"])
def make_client(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes clients of both kinds, and closes them."""
    made: list[Any] = []

    def make(url: str, key: str, **options: Any) -> Any:
        made.append(request.param(url, key, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@contextmanager
def connected(server: ServerProcess, make: Make) -> Iterator[tuple[Proxy, Any]]:
    """A client whose connection can be broken."""
    with Proxy(server.port) as proxy:
        yield proxy, make(proxy.url, server.gate_key)


def a_tap(server: ServerProcess, direction: str = "entry", **more: Any) -> TapMessage:
    gate_id = server.gate(direction)
    medium = Medium("tianfutong", id=new_card())
    fields: dict[str, Any] = {
        "tap_id": f"{gate_id}.20250303.{new_number():012}",
        "gate_id": gate_id,
        "direction": direction,
        "medium": medium,
        "occurred_at": AT,
    }
    return TapMessage(**fields | more)


def test_a_tap_is_decided_once_and_sent_again_it_is_marked_as_replayed(
    server: ServerProcess, make_client: Make
) -> None:
    client = make_client(server.url, server.gate_key)
    tap = a_tap(server)
    first = client.decide(tap, PATIENT_S)
    assert (first.outcome, first.gate_opens, first.replayed) == ("entered", True, False)
    again = client.decide(tap, PATIENT_S)
    assert again.replayed
    assert again.decided_at == first.decided_at


def test_a_batch_is_decided_in_order_and_a_bad_tap_fails_alone(
    server: ServerProcess, make_client: Make
) -> None:
    client = make_client(server.url, server.gate_key)
    card = Medium("tianfutong", id=new_card())
    taps = [
        a_tap(server, "entry", medium=card),
        a_tap(server, "entry", gate_id="NOWHERE"),
        a_tap(server, "exit", medium=card, occurred_at="2025-03-03T09:05:00.000+08:00"),
    ]
    entered, unknown, waived = client.upload(taps)
    assert isinstance(entered, Decision)
    assert isinstance(unknown, Problem)
    assert (unknown.code, unknown.is_final) == ("unknown-gate", True)
    assert waived.reason == "same_station_within_window"
    assert waived.journey.entry_tap_id == taps[0].tap_id


def test_a_report_is_sent_and_answered_by_the_decision(
    server: ServerProcess, make_client: Make
) -> None:
    client = make_client(server.url, server.gate_key)
    tap = a_tap(server)
    decision = client.decide(tap, PATIENT_S)
    answer = client.report(tap.tap_id, ReportMessage("open", 0, False, "turned back"))
    assert answer == decision
    with server.client(server.admin_key) as admin:
        report = admin.get(f"/v1/taps/{tap.tap_id}").json()["report"]
    assert (report["passed"], report["cause"]) == (False, "turned back")


def test_a_tap_that_will_never_be_decided_is_refused_by_name(
    server: ServerProcess, make_client: Make
) -> None:
    client = make_client(server.url, server.gate_key)
    with pytest.raises(Refused) as caught:
        client.decide(a_tap(server, gate_id="NOWHERE"), PATIENT_S)
    assert (caught.value.code, caught.value.status) == ("unknown-gate", 404)


def test_a_wrong_key_is_no_fault_of_the_tap(server: ServerProcess, make_client: Make) -> None:
    with pytest.raises(KeyRefused):
        make_client(server.url, "wrong").decide(a_tap(server), PATIENT_S)


def test_one_connection_serves_many_calls(server: ServerProcess, make_client: Make) -> None:
    with connected(server, make_client) as (proxy, client):
        for _ in range(5):
            client.decide(a_tap(server), PATIENT_S)
        assert proxy.connections == 1


def test_a_connection_that_the_engine_closed_meanwhile_is_replaced_unnoticed(
    server: ServerProcess, make_client: Make
) -> None:
    client = make_client(server.url, server.gate_key)
    client.decide(a_tap(server), PATIENT_S)
    server.stop()
    server.restart()
    assert client.decide(a_tap(server), PATIENT_S).outcome == "entered"


@pytest.mark.parametrize("fault", [DROP, DROP_ANSWERS, DELAY])
def test_silence_ends_at_the_deadline(server: ServerProcess, make_client: Make, fault: str) -> None:
    with connected(server, make_client) as (proxy, client):
        proxy.cut(fault)
        begun = time.monotonic()
        with pytest.raises(DeadlinePassed):
            client.decide(a_tap(server), 0.05)
        assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize("fault", [REFUSE, RESET, HALF])
def test_a_broken_connection_is_tried_again_until_the_deadline(
    server: ServerProcess, make_client: Make, fault: str
) -> None:
    with connected(server, make_client) as (proxy, client):
        proxy.cut(fault)
        for deadline_s in (0.5, 2.0, 8.0):  # the engine has to answer once within it
            before = proxy.connections
            with pytest.raises((Unreachable, DeadlinePassed)):
                client.decide(a_tap(server), deadline_s)
            if proxy.connections - before >= 2:
                return
        pytest.fail("it was tried once")


@pytest.mark.parametrize("fault", [DROP_ANSWERS, RESET, HALF, DELAY])
def test_a_tap_whose_answer_was_lost_is_decided_once(
    server: ServerProcess, make_client: Make, fault: str
) -> None:
    with connected(server, make_client) as (proxy, client):
        tap = a_tap(server)
        proxy.cut(fault)
        while not proxy.answers:
            with pytest.raises(EngineFailed):
                client.decide(tap, 0.1)
        proxy.cut(PASS)
        assert client.decide(tap, PATIENT_S).replayed


def test_an_address_without_a_server_is_unreachable(make_client: Make) -> None:
    with RawServer([]) as gone:
        url = gone.url
    client = make_client(url, "key")
    with pytest.raises(Unreachable):
        client.check_ready(1.0)


def test_a_busy_engine_is_asked_again_no_sooner_than_it_says(make_client: Make) -> None:
    busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"
    ready = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    with RawServer([busy, ready]) as engine:
        make_client(engine.url, "key").check_ready(PATIENT_S)
        assert engine.asked_at_s[1] - engine.asked_at_s[0] >= 1.0


def test_a_busy_engine_that_says_longer_than_the_deadline_is_not_waited_for(
    make_client: Make,
) -> None:
    busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 60\r\n\r\n"
    with RawServer([busy]) as engine:
        with pytest.raises(Busy) as caught:
            make_client(engine.url, "key").check_ready(PATIENT_S)
        assert caught.value.retry_after_s == 60
        assert len(engine.asked_at_s) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_problems_that_may_pass_are_tried_again(make_client: Make, status: int) -> None:
    passing = b"HTTP/1.1 %d Later\r\ncontent-length: 0\r\n\r\n" % status
    ready = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    with RawServer([passing, ready]) as engine:
        make_client(engine.url, "key").check_ready(PATIENT_S)
        assert len(engine.asked_at_s) == 2


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"],
    ids=["no HTTP", "a part"],
)
def test_what_is_no_whole_http_answer_counts_as_none(make_client: Make, answer: bytes) -> None:
    with RawServer([answer] * 20) as engine, pytest.raises(EngineFailed):
        make_client(engine.url, "key").check_ready(0.1)


def test_an_answer_of_another_shape_decides_nothing(
    server: ServerProcess, make_client: Make
) -> None:
    answer = b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"tap_id": "x"}\n'
    with RawServer([answer]) as engine, pytest.raises(EngineFailed, match="no Decision"):
        make_client(engine.url, "key").decide(a_tap(server), PATIENT_S)


def test_the_skew_of_the_clock_has_its_uncertainty(
    server: ServerProcess, make_client: Make
) -> None:
    ahead_ms = 90_000
    client = make_client(
        server.url,
        server.gate_key,
        wall_clock_ms=lambda: time.time_ns() // 1_000_000 + ahead_ms,
    )
    assert client.find_skew() is None
    for _ in range(5):
        client.decide(a_tap(server), PATIENT_S)
    skew = client.find_skew()
    assert abs(skew.skew_ms - ahead_ms) <= skew.uncertainty_ms
    assert skew.uncertainty_ms < 1_000, "better than a Date header alone"


def test_the_decision_of_a_known_tap_says_nothing_of_the_clock(
    server: ServerProcess, make_client: Make
) -> None:
    tap = a_tap(server)
    make_client(server.url, server.gate_key).decide(tap, PATIENT_S)
    day_ms = 86_400_000
    later = make_client(
        server.url,
        server.gate_key,
        wall_clock_ms=lambda: time.time_ns() // 1_000_000 + day_ms,
    )
    later.decide(tap, PATIENT_S)
    skew = later.find_skew()
    assert abs(skew.skew_ms - day_ms) <= skew.uncertainty_ms, "its Date header does"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://engine", "http://"])
def test_an_invalid_address_is_refused_at_once(make_client: Make, url: str) -> None:
    with pytest.raises(WrongUsage, match="http"):
        make_client(url, "key")


def test_threads_share_a_blocking_client(server: ServerProcess) -> None:
    with EngineClient(server.url, server.gate_key) as client, ThreadPoolExecutor(4) as threads:
        taps = [a_tap(server) for _ in range(20)]
        decisions = threads.map(lambda tap: client.decide(tap, PATIENT_S), taps)
        assert [decision.tap_id for decision in decisions] == [tap.tap_id for tap in taps]


def test_closing_a_blocking_client_ends_the_calls_of_other_threads(server: ServerProcess) -> None:
    with connected(server, EngineClient) as (proxy, client), ThreadPoolExecutor(1) as threads:
        client.check_ready(PATIENT_S)
        proxy.cut(DROP)
        begun = threading.Event()

        def ask() -> None:
            begun.set()
            client.check_ready(60.0)

        call = threads.submit(ask)
        begun.wait()
        client.close()
        with pytest.raises(Unreachable, match="closed"):
            call.result()


def test_a_blocking_client_that_is_closed_takes_no_calls(server: ServerProcess) -> None:
    with EngineClient(server.url, server.gate_key) as client:
        client.check_ready(PATIENT_S)
    client.close()
    with pytest.raises(Unreachable, match="closed"):
        client.check_ready()
