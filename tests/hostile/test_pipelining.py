"""Requests on one connection without waiting for answers: in order, and never held without end."""

import json

import pytest

from tests.hostile.under_attack import Line, call, request, resident_bytes, send_tap, tap_request
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

PIPELINED_REQUESTS_MAX = 16
MEGABYTES = 200_000_000
GROWTH_BYTES_MAX = 64 * 2**20
LARGE_ANSWERS = 1_000


@pytest.mark.parametrize("more", [-1, 0, 1, 1_000])
def test_all_requests_are_answered_in_order(roomy: ServerProcess, more: int) -> None:
    """At the limit, below it and above it."""
    paths = [
        "/v1/stations/FHY" if number % 3 else f"/v1/nothing-{number}"
        for number in range(PIPELINED_REQUESTS_MAX + more)
    ]
    with Line(roomy.port) as line:
        line.send(b"".join(request(path, key=roomy.gate_key) for path in paths))
        statuses = [line.read().status for _ in paths]
    assert statuses == [200 if path.endswith("FHY") else 404 for path in paths]


@pytest.mark.parametrize("count", [PIPELINED_REQUESTS_MAX + 1, 500])
def test_taps_between_other_requests_are_answered_in_order(
    roomy: ServerProcess, count: int
) -> None:
    taps = [tap_request(roomy) for _ in range(count)]
    with Line(roomy.port) as line:
        line.send(b"".join(tap + request() for tap in taps))
        for tap in taps:
            sent = json.loads(tap.partition(b"\r\n\r\n")[2])
            assert json.loads(line.read().body)["tap_id"] == sent["tap_id"]
            assert json.loads(line.read().body) == {"status": "alive"}


def list_attacks(server: ServerProcess) -> dict[str, bytes]:
    """Requests whose answers are never read."""
    batch = json.dumps({"taps": [{}] * 300}).encode()
    key = server.gate_key
    return {
        "livez": request(),
        "a page of documentation": request("/openapi.json"),
        "nothing": request("/x"),
        "taps without a key": request("/v1/taps", method="POST", body=b"{}"),
        "stations without a key": request("/v1/stations"),
        "taps": request("/v1/taps", method="POST", key=key, body=b"{}"),
        "batches": request("/v1/taps/batch", method="POST", key=key, body=batch),
        "stations": request("/v1/stations", key=key),
    }


@pytest.mark.parametrize(
    "attack",
    [
        *("livez", "a page of documentation", "nothing", "taps without a key"),
        *("stations without a key", "taps", "batches", "stations"),
    ],
)
def test_who_reads_no_answers_is_soon_no_longer_read(roomy: ServerProcess, attack: str) -> None:
    content = list_attacks(roomy)[attack]
    send_tap(roomy)
    before = resident_bytes(roomy)
    with Line(roomy.port) as line:
        sent = line.send_as_much_as_goes(content * (100_000 // len(content) + 1), MEGABYTES)
        assert resident_bytes(roomy) - before < GROWTH_BYTES_MAX
        assert sent < MEGABYTES
        assert send_tap(roomy)["outcome"] == "entered"


def test_who_reads_late_gets_every_answer(roomy: ServerProcess) -> None:
    call(roomy, "GET", "/openapi.json")  # made at the first call
    before = resident_bytes(roomy)
    with Line(roomy.port) as line:
        line.send(request("/openapi.json") * LARGE_ANSWERS)
        assert send_tap(roomy)["outcome"] == "entered"
        assert resident_bytes(roomy) - before < GROWTH_BYTES_MAX
        assert [line.read().status for _ in range(LARGE_ANSWERS)] == [200] * LARGE_ANSWERS
        assert resident_bytes(roomy) - before < GROWTH_BYTES_MAX
