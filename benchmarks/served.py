"""A real `fare-engine serve` process over a data directory, and what a controller sends it."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.times import format_ms
from benchmarks.workload import Presented
from simulator.delivery.http_client import request_bytes

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@contextmanager
def serving(data_dir: Path, *, ends_by: signal.Signals = signal.SIGTERM) -> Iterator[int]:
    """The port of a server on this data directory; the signal ends it with the block."""
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("fare-engine")),
            *("serve", "--data-dir", str(data_dir), "--port", "0", "--no-console"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = _ADDRESS.search(line)
            if found:
                yield int(found[1])
                return
        raise RuntimeError(f"the server ended with status {process.wait()}")
    finally:
        process.send_signal(ends_by)
        process.wait()


def single_requests(taps: Sequence[Presented], key: str) -> list[bytes]:
    """One request a tap, with the card's number, as a gate sends it live."""
    return [request_bytes("/v1/taps", key, json.dumps(_live(tap)).encode()) for tap in taps]


def batch_request(taps: Sequence[Presented], key: str) -> bytes:
    """A batch with tokens, as a controller sends it: its outbox never holds a card's number."""
    return request_bytes("/v1/taps/batch", key, batch_body(taps))


def batch_body(taps: Sequence[Presented]) -> bytes:
    """The body of such a batch."""
    return json.dumps({"taps": [_from_outbox(tap) for tap in taps]}).encode()


def _live(tap: Presented) -> dict[str, object]:
    return _common(tap) | {"medium": {"type": "tianfutong", "id": tap.medium_id}}


def _from_outbox(tap: Presented) -> dict[str, object]:
    return _common(tap) | {"medium": {"type": "tianfutong", "token": tap.token.hex()}}


def _common(tap: Presented) -> dict[str, object]:
    return {
        "tap_id": tap.tap_id,
        "gate_id": tap.gate_id,
        "direction": tap.direction,
        "occurred_at": format_ms(tap.occurred_at_ms, "Asia/Shanghai"),
    }
