"""A stop takes seconds, whatever was left half sent."""

import signal
from collections.abc import Callable

from tests.hostile.under_attack import open_lines, request, tap_body, tap_request
from tests.server_process import ServerProcess

STOP_SECONDS_MAX = 10


def test_nothing_half_sent_holds_up_a_stop(attack: Callable[..., ServerProcess]) -> None:
    server = attack(FARE_SHUTDOWN_SECONDS=60)
    heads = [
        request(path, method="POST", key=key, headers=[length])
        for path in ("/v1/taps", "/v1/taps/batch", "/v1/media/block", "/v1/nothing")
        for key in (None, "fe_gate_wrong", server.gate_key, server.admin_key)
        for length in ("Content-Length: 100", "Transfer-Encoding: chunked")
    ]
    halves = [b"", b"PO", b"POST /v1/taps HTTP/1.1\r\nHo", *heads, *(head + b"{" for head in heads)]
    halves.append(tap_request(server) + heads[0] + tap_body(server)[:10])
    with open_lines(server, len(halves)) as lines, open_lines(server, 2) as (unread, last):
        for line, half in zip(lines, halves, strict=True):
            line.send(half)
        unread.send_as_much_as_goes(request("/openapi.json") * 100, 100_000_000)
        last.send(tap_request(server))
        assert last.read().status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOP_SECONDS_MAX) == 0
