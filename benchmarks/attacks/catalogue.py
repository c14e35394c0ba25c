"""The attacks: what each sends, over how many connections, and whether it reads the answers."""

import json
from typing import Final, NamedTuple

from simulator.delivery.http_client import request_bytes

BLOCK_BYTES: Final = 100_000
DESCRIPTORS_FEW: Final = 256


class Attack(NamedTuple):
    """What every one of its connections does, again and again, until the time is over.

    It sends `begin`, then `repeat` without end. What has no `repeat` waits until the server closes
    the connection. `descriptors` is the limit of the server's process, where it has one.
    """

    name: str
    connections: int
    begin: bytes = b""
    repeat: bytes = b""
    reads: bool = False
    descriptors: int | None = None


def make_attacks(gate_key: str) -> list[Attack]:
    """All attacks, the first of which is none."""
    livez = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    tap = request_bytes("/v1/taps", "no-key", b"{}")
    empty = json.dumps({"taps": [{}] * 300}).encode()
    batch = request_bytes("/v1/taps/batch", gate_key, empty)
    posted = b"POST /v1/taps HTTP/1.1\r\nHost: x\r\n"
    with_key = posted + b"Authorization: Bearer %b\r\n" % gate_key.encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    single_bytes = _block(b"1\r\n \r\n")
    wrong = request_bytes("/v1/taps", "fe_gate_wrong", b"{}")
    wrong_admin = b"GET /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer fe_admin_no\r\n\r\n"
    return [
        Attack("none", 0),
        Attack("/livez pipelined without end", 4, repeat=_block(livez), reads=True),
        Attack("taps without a key pipelined", 4, repeat=_block(tap), reads=True),
        Attack("batches with a gate key pipelined", 4, repeat=_block(batch), reads=True),
        Attack("answers never read: /livez", 16, repeat=_block(livez)),
        Attack("answers never read: batches, gate key", 16, repeat=_block(batch)),
        Attack("a body in one-byte chunks", 4, posted + chunked, single_bytes),
        Attack("the same with a gate key", 4, with_key + chunked, single_bytes),
        Attack(
            "endless headers", 4, b"GET / HTTP/1.1\r\n", _block(b"X: " + b"x" * 1_000 + b"\r\n")
        ),
        Attack("an endless URL", 4, b"GET /", _block(b"x")),
        Attack("silent connections", 6_000),
        Attack("half heads", 2_000, posted + b"X-Half: "),
        Attack("half bodies", 2_000, posted + b"Content-Length: 100\r\n\r\n{"),
        Attack("half bodies with a gate key", 2_000, with_key + b"Content-Length: 100\r\n\r\n{"),
        Attack("wrong keys at the taps", 32, repeat=wrong, reads=True),
        Attack("wrong keys elsewhere", 32, repeat=wrong_admin, reads=True),
        Attack("bad requests", 32, b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
        Attack("silent connections, few descriptors", 600, descriptors=DESCRIPTORS_FEW),
    ]


def _block(content: bytes) -> bytes:
    """So many of a content as are sent at once."""
    return content * (BLOCK_BYTES // len(content) + 1)
