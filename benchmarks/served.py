"""A real `fare-engine serve` process over a data directory, and what a controller sends it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from api.contract.times import format_ms
from benchmarks.workload import Presented
from fare_engine.ledger.sqlite.index.indexing import BEHIND_RUNS
from fare_engine.ledger.sqlite.index.runs import RUN_ROWS
from simulator.delivery.http_client import request_bytes

REST_MAX_S = 120.0
REST_POLL_S = 0.25
_UNINDEXED = re.compile(r"^fare_ledger_unindexed_rows (\S+)$", re.MULTILINE)
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


def wait_until_at_rest(port: int) -> None:
    """Wait until the ledger has written what a burst left it to do, as it does where no tap comes.

    RuntimeError when it does not.
    """
    for _ in range(int(REST_MAX_S / REST_POLL_S)):
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            told = _UNINDEXED.search(answer.read().decode())
        if told is not None and float(told[1]) < BEHIND_RUNS * RUN_ROWS:
            return
        time.sleep(REST_POLL_S)
    raise RuntimeError("the ledger does not come to rest")


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
