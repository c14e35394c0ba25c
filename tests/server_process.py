"""A real server on a data directory of its own: started, asked, killed and started again."""

import json
import os
import signal
import sqlite3
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, TextIO

import httpx2

FARE_ENGINE: Final = Path(sysconfig.get_path("scripts"), "fare-engine")
STOP_MAX_S: Final = 60.0

_numbers = count(1)


def run_command(
    *arguments: object, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `fare-engine` to its end, with this on its standard input."""
    return subprocess.run(
        [FARE_ENGINE, *map(str, arguments)],
        env=make_environment(environment),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_MAX_S,
    )


def make_environment(changes: dict[str, str]) -> dict[str, str]:
    """This process's environment without the settings of whoever runs the tests."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FARE_")}
    # A server that compiles its libraries at every start needs four seconds for it.
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | {"PYTHONUNBUFFERED": "1", **changes}


def new_number() -> int:
    """A number that no other test of this run has."""
    return os.getpid() * 100_000 + next(_numbers)


def new_card() -> str:
    """The id of a card that nobody tapped yet."""
    return f"31{new_number():014}"


def make_data_directory(data_dir: Path, binary: Path = FARE_ENGINE) -> dict[str, Any]:
    """A data directory as `init` makes it, and what it printed: a copy of one that it made once.

    All copies have the same keys.
    """
    printed, files = _initialise_once(binary)
    data_dir.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        (data_dir / name).touch(mode=0o600)
        (data_dir / name).write_bytes(content)
    setup: dict[str, Any] = json.loads(printed)
    return setup


@cache
def _initialise_once(binary: Path) -> tuple[str, dict[str, bytes]]:
    with tempfile.TemporaryDirectory() as parent:
        data_dir = Path(parent, "data")
        made = subprocess.run(
            [binary, "init", "--data-dir", data_dir, "--json"],
            env=make_environment({}),
            capture_output=True,
            text=True,
            check=True,
            timeout=STOP_MAX_S,
        )
        return made.stdout, {path.name: path.read_bytes() for path in data_dir.iterdir()}


class ServerProcess:
    """`fare-engine serve` on a new data directory, at a free port that it keeps."""

    def __init__(
        self,
        data_dir: Path,
        *,
        program: Sequence[object] = (FARE_ENGINE,),
        setup: dict[str, Any] | None = None,
        **environment: str,
    ) -> None:
        """On a data directory for which `init` printed this setup; by default on a new one."""
        self.data_dir = data_dir
        self._program = program
        self._environment = environment
        self.setup = make_data_directory(data_dir) if setup is None else setup
        self.gate_key: str = self.setup["gate_key"]
        self.admin_key: str = self.setup["admin_key"]
        self.pilot: dict[str, Any] = self.setup["pilot"]
        self.other_station: dict[str, Any] = self.setup["other_station"]
        self.url = ""
        self.port = 0
        self.metrics_url = ""
        """Where the metrics of all its workers are, of a server that has several."""
        self._process: subprocess.Popen[str] | None = None
        self._log: TextIO | None = None
        self.start()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that serves."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def ledger(self) -> dict[str, str]:
        """The settings that lead a command to the server's ledger, beside its data directory."""
        return {name: it for name, it in self._environment.items() if "_DATABASE_" in name}

    @property
    def log_path(self) -> Path:
        """What the server logged, over all its starts."""
        return self.data_dir.with_name(self.data_dir.name + ".log")

    def start(self) -> None:
        """Start, and wait until the server says that it listens."""
        self._log = self.log_path.open("a", encoding="utf-8")
        self._process = subprocess.Popen(
            [
                *map(str, self._program),
                *("serve", "--no-console"),
                *("--data-dir", self.data_dir, "--port", str(self.port)),
            ],
            env=make_environment(self._environment),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        told = self._process.stdout.readline()  # ends when it listens, or when it has died
        assert told.startswith("fare-engine serves "), told + self.log_path.read_text("utf-8")
        self.url = told.split()[2]
        self.port = int(self.url.rpartition(":")[2])
        if self._environment.get("FARE_WORKERS", "1") != "1":
            self.metrics_url = self._process.stdout.readline().split()[-1]
        with self.client() as client:
            assert client.get("/readyz").status_code == 200

    def stop(self) -> int:
        """Stop in good order; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._wait()

    def wait(self) -> int:
        """Wait until it has ended by itself; the exit status."""
        return self._wait()

    def kill(self) -> None:
        """Cut it off, as a power failure would."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def restart(self) -> None:
        """Start again at the same address, after `kill` or `stop`."""
        self.start()

    def client(self, key: str | None = None) -> httpx2.Client:
        """A client with a key, the gate key where none is named; an empty one sends none."""
        key = self.gate_key if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(
            base_url=self.url,
            headers=headers,
            timeout=30,
            trust_env=False,
            verify=False,  # there is no certificate, and loading the system's takes 20 ms
        )

    def list_tap_ids(self, token: bytes) -> list[str]:
        """The taps of a token in the order in which the ledger has them."""
        path = self.data_dir / "ledger.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT tap_id FROM taps WHERE token = ? ORDER BY row", (token,))
            return [tap_id for (tap_id,) in rows]

    def gate(self, direction: str, *, designated: bool = True, station: str | None = None) -> str:
        """A gate of the pilot, or of the other station, that takes a direction."""
        gates = self.pilot["gates"]
        if station == self.other_station["station_id"]:
            gates, designated = self.other_station["gates"], False
        found: str = next(
            gate["gate_id"]
            for gate in gates
            if direction in gate["directions"] and gate["designated"] == designated
        )
        return found

    def _wait(self) -> int:
        status = self.process.wait(STOP_MAX_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self._log is not None
        self._log.close()
        return status


def make_tap(
    gate_id: str, direction: str, card: str, occurred_at: str, **more: Any
) -> dict[str, Any]:
    """A tap that nobody sent yet."""
    return {
        "tap_id": f"{gate_id}.20211124.{new_number():012}",
        "gate_id": gate_id,
        "direction": direction,
        "medium": {"type": "tianfutong", "id": card},
        "occurred_at": occurred_at,
        **more,
    }
