"""A real `fare-engine serve` process, on a scratch data directory or on one that is kept."""

import json
import os
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import httpx2

FARE_ENGINE: Final = Path(sysconfig.get_path("scripts"), "fare-engine")
START_MAX_S: Final = 60.0
READY_POLL_S: Final = 0.05
STOP_MAX_S: Final = 45.0
"""More than the server itself gives those it still has to answer."""
OUTPUT_SHOWN_MAX: Final = 4_000
KEY_NAME: Final = "simulated morning"


class NotServed(Exception):
    """The engine could not be set up, started or reached; the text is what it said."""


class Keys(NamedTuple):
    """What a directory is opened with; `made_key_id` names an admin key that was made for that."""

    admin_key: str
    gate_key: str | None
    spoken_for: frozenset[str]
    made_key_id: str | None = None


class Served(NamedTuple):
    """A server that is ready."""

    url: str
    keys: Keys


def prepare(data_dir: Path) -> Keys:
    """The keys of a data directory. One that is new or empty is initialised.

    The keys of a used directory were shown once, to somebody else: an admin key is made for it.
    """
    if not (data_dir / "ledger.sqlite3").exists():
        made = _run_command("init", "--data-dir", data_dir, "--json")
        stations = [made[name]["station_id"] for name in ("pilot", "other_station")]
        return Keys(made["admin_key"], made["gate_key"], frozenset(stations))
    options = ("--kind", "admin", "--name", KEY_NAME, "--data-dir", data_dir, "--json")
    made = _run_command("keys", "create", *options)
    return Keys(made["key"], None, frozenset(), made["key_id"])


@contextmanager
def serving(data_dir: Path, port: int, keys: Keys, log_path: Path) -> Iterator[Served]:
    """Serve a data directory; however the block ends, the server is stopped with it."""
    with log_path.open("w", encoding="utf-8") as log, start_server(data_dir, port, log) as process:
        try:
            with _with_output(log_path):
                yield Served(_wait_until_ready(process), keys)
        finally:
            _stop(process)


def start_server(
    data_dir: Path, port: int, log: TextIO, settings: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Have a server start on a data directory; the caller ends it.

    `settings` are variables of its environment.
    """
    return subprocess.Popen(
        [FARE_ENGINE, "serve", "--data-dir", data_dir, "--port", str(port), "--no-console"],
        env=_environment() | dict(settings or {}),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # Ctrl-C is ours: the server stops after the last tap
    )


def wait_until_ready(process: "subprocess.Popen[str]", log_path: Path) -> str:
    """The address of a server that just started, once it decides taps; NotServed if it does not."""
    with _with_output(log_path):
        return _wait_until_ready(process)


def wait_until_ready_again(url: str, log_path: Path) -> None:
    """Return once a server that went on decides taps again; NotServed if it does not."""
    with _with_output(log_path):
        _poll_ready(url, time.monotonic() + START_MAX_S)


def find_port(wanted: int) -> int:
    """The wanted port, or 0 (any that is free) when somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _wait_until_ready(process: "subprocess.Popen[str]") -> str:
    """The address of a server that just started, once it decides taps."""
    deadline_s = time.monotonic() + START_MAX_S
    # Reading ends when the server listens or has died; one that does neither is ended.
    watch = threading.Timer(START_MAX_S, process.kill)
    watch.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
    finally:
        watch.cancel()
    if not line.startswith("fare-engine serves "):
        raise NotServed(f"the server did not start{': ' if line else ''}{line.strip()}")
    url = line.split()[2]
    _poll_ready(url, deadline_s)
    return url


def _poll_ready(url: str, deadline_s: float) -> None:
    with httpx2.Client(base_url=url, trust_env=False) as client:
        while (answer := client.get("/readyz")).status_code != 200:
            if time.monotonic() > deadline_s:
                raise NotServed(f"the server is not ready: {answer.text}")
            time.sleep(READY_POLL_S)


@contextmanager
def _with_output(log_path: Path) -> Iterator[None]:
    """Where the server is lost or does not start, add what it printed last to the error."""
    try:
        yield
    except httpx2.TransportError as error:
        message = f"the server was lost ({str(error) or type(error).__name__}); its last words:"
        raise NotServed(_add_output(message, log_path)) from error
    except NotServed as error:
        raise NotServed(_add_output(str(error), log_path)) from error


def _add_output(message: str, log_path: Path) -> str:
    return f"{message}\n{log_path.read_text('utf-8')[-OUTPUT_SHOWN_MAX:]}".rstrip()


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _run_command(*arguments: object) -> dict[str, Any]:
    """Run `fare-engine` to its end; what it printed as JSON."""
    done = subprocess.run(
        [FARE_ENGINE, *map(str, arguments)],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotServed((done.stderr or done.stdout).strip())
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def _environment() -> dict[str, str]:
    """Ours without settings that would change what is simulated."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FARE_")}
    # A server that compiles its libraries at every start needs four seconds for it.
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | {"PYTHONUNBUFFERED": "1"}
