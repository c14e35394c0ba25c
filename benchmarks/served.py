"""A real `fare-engine serve` process over a data directory, and what a controller sends it."""

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.request import urlopen

from api.contract.times import format_ms
from benchmarks.workload import Presented
from fare_engine.ledger.sqlite.index.sizes import DUE_RUNS, RUN_ROWS
from simulator.delivery.http_client import request_bytes

REST_MAX_S = 120.0
REST_POLL_S = 0.25
END_MAX_S = 30.0
_UNINDEXED = re.compile(r"^fare_ledger_unindexed_rows (\S+)$", re.MULTILINE)
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


_PROCESS_CLOCK: Final = 2
"""Linux numbers the processor clock of a process by its id, the bits turned, and this."""


class Running(NamedTuple):
    """A server that listens."""

    port: int
    pid: int

    def list_processes(self) -> list[int]:
        """The ids of the server's process and of all that it started and that still run."""
        parents = {int(path.name): _find_parent(path) for path in Path("/proc").glob("[0-9]*")}
        found = [self.pid]
        for known in found:
            found += [pid for pid, parent in parents.items() if parent == known]
        return found

    def get_processor_s(self) -> float:
        """Processor time of all these processes."""
        clocks = [~pid << 3 | _PROCESS_CLOCK for pid in self.list_processes()]
        return sum(map(time.clock_gettime, clocks))


@contextmanager
def serving(data_dir: Path, *, ends_by: signal.Signals = signal.SIGTERM) -> Iterator[int]:
    """The port of a server on this data directory; the signal ends it with the block."""
    with running(data_dir, ends_by) as server:
        yield server.port


@contextmanager
def running(
    data_dir: Path,
    ends_by: signal.Signals = signal.SIGTERM,
    binary: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A server on this data directory, of this checkout where no other `fare-engine` is named."""
    process = subprocess.Popen(
        [
            str(binary or Path(sys.executable).with_name("fare-engine")),
            *("serve", "--data-dir", str(data_dir), "--port", "0", "--no-console"),
        ],
        env=make_environment(settings or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = _ADDRESS.search(line)
            if found:
                yield Running(int(found[1]), process.pid)
                return
        raise RuntimeError(f"the server ended with status {process.wait()}")
    finally:
        with _awaiting(Running(0, process.pid).list_processes()[1:]):
            process.send_signal(ends_by)
            process.wait()


@contextmanager
def _awaiting(processes: Sequence[int]) -> Iterator[None]:
    """These processes have ended too behind the block: one would still fold the ledger's log in."""
    with ExitStack() as opened:
        ends = []
        for pid in processes:
            with suppress(ProcessLookupError):
                ends.append(os.pidfd_open(pid))
                opened.callback(os.close, ends[-1])
        yield
        for end in ends:
            if not select.select([end], [], [], END_MAX_S)[0]:
                raise RuntimeError("a process of the server does not end")


def make_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without settings that would change what is measured, and with these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FARE_")}
    # A server that compiles its libraries at every start needs four seconds for it.
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | {"PYTHONUNBUFFERED": "1", **settings}


def send_batch(port: int, key: str, taps: Sequence[Presented]) -> list[dict[str, Any]]:
    """Send a batch; its results."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request("POST", "/v1/taps/batch", batch_body(taps), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{answer.status}: {body}")
    results: list[dict[str, Any]] = body["results"]
    return results


def _find_parent(process: Path) -> int | None:
    try:
        return int(process.joinpath("stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None  # it ended meanwhile


def wait_until_at_rest(port: int) -> None:
    """Wait until the ledger has written what a burst left it to do, as it does where no tap comes.

    RuntimeError when it does not.
    """
    for _ in range(int(REST_MAX_S / REST_POLL_S)):
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            found = _UNINDEXED.search(answer.read().decode())
        if found is not None and float(found[1]) < DUE_RUNS * RUN_ROWS:
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
