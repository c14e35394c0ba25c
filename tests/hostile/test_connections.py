"""How many connections there may be, which one makes room, and that operators always get in."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.hostile.under_attack import (
    Line,
    call,
    measure,
    open_lines,
    request,
    send_tap,
    start_server,
    tap_request,
)
from tests.server_process import ServerProcess

CONNECTIONS_MAX = 32
CONNECTIONS_PER_PEER_MAX = 20
PEER, ANOTHER, PROXY = "127.0.0.2", "127.0.0.3", "127.0.0.9"


@pytest.fixture(scope="module")
def crowded(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with few connections."""
    settings = {
        "FARE_CONNECTIONS_MAX": CONNECTIONS_MAX,
        "FARE_CONNECTIONS_PER_PEER_MAX": CONNECTIONS_PER_PEER_MAX,
        "FARE_TRUSTED_PROXIES": PROXY,
    }
    process = start_server(server_binary, tmp_path_factory.mktemp("crowded") / "data", settings)
    yield process
    process.stop()


def suspend_and_resume(server: ServerProcess) -> list[int]:
    """Throw the kill switch, and back."""
    path = f"/v1/stations/{server.pilot['station_id']}/policies"
    body = {"reason": "an attack"}
    return [
        call(server, "POST", f"{path}/{what}", body, server.admin_key)[0]
        for what in ("suspend", "resume")
    ]


def are_open(lines: Sequence[Line]) -> bool:
    """Whether all are, once the last has been answered."""
    lines[-1].send(request())
    assert lines[-1].read().status == 200
    return all(line.is_open() for line in lines)


def test_the_limit_is_met_exactly_and_the_oldest_without_a_key_makes_room(
    crowded: ServerProcess,
) -> None:
    half = CONNECTIONS_MAX // 2
    with open_lines(crowded, half, PEER) as first, open_lines(crowded, half, ANOTHER) as second:
        assert are_open([*first, *second])
        with Line(crowded.port) as one_more:
            assert are_open([one_more])
            assert first[0].wait_until_closed()
            assert are_open([*first[1:], *second])


def test_a_peer_has_a_limit_of_its_own(crowded: ServerProcess) -> None:
    with (
        Line(crowded.port, ANOTHER) as other,
        open_lines(crowded, CONNECTIONS_PER_PEER_MAX, PEER) as lines,
    ):
        assert are_open([other, *lines])
        with Line(crowded.port, PEER):
            assert lines[0].wait_until_closed()
            assert are_open([other, *lines[1:]])


def test_behind_a_trusted_proxy_the_limit_of_a_peer_does_not_count(crowded: ServerProcess) -> None:
    with open_lines(crowded, CONNECTIONS_PER_PEER_MAX + 5, PROXY) as lines:
        assert are_open(lines)


def test_who_has_shown_a_valid_key_stays(crowded: ServerProcess) -> None:
    with Line(crowded.port) as gate, Line(crowded.port) as operator, Line(crowded.port) as unknown:
        keys = request("/v1/keys", key=crowded.admin_key)
        gate.send(tap_request(crowded))
        assert gate.read().status == 200
        operator.send(keys)
        assert operator.read().status == 200
        unknown.send(request())
        assert unknown.read().status == 200
        with open_lines(crowded, 3 * CONNECTIONS_MAX, PROXY) as flood:
            assert flood[0].wait_until_closed()
            gate.send(tap_request(crowded))
            assert gate.read().status == 200
            operator.send(keys)
            assert operator.read().status == 200
            assert send_tap(crowded)["outcome"] == "entered"
            for path in ("/livez", "/readyz", "/metrics"):
                assert call(crowded, "GET", path)[0] == 200
            assert suspend_and_resume(crowded) == [200, 200]


def test_with_few_descriptors_operators_and_gates_get_in_and_the_ledger_goes_on(
    attack: Callable[..., ServerProcess],
) -> None:
    server = attack(prefix=("prlimit", "--nofile=256:256"))
    with Line(server.port) as gate:
        gate.send(tap_request(server))
        assert gate.read().status == 200
        with open_lines(server, 400):
            taps = [json.loads(tap_request(server).partition(b"\r\n\r\n")[2]) for _ in range(1_000)]
            batch = json.dumps({"taps": taps}).encode()
            for _ in range(3):
                path = "/v1/taps/batch"
                gate.send(request(path, method="POST", key=server.gate_key, body=batch))
                assert gate.read().status == 200
            assert send_tap(server)["outcome"] == "entered"
            assert call(server, "GET", "/livez")[0] == 200
            assert call(server, "GET", "/readyz")[0] == 200
            assert measure(server, "fare_batches_failed_total") == 0
            assert suspend_and_resume(server) == [200, 200]
    assert "Traceback" not in server.log_path.read_text("utf-8")
