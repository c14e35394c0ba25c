"""A real controller process at 孵化园: `python -m gates` with the lines of a script."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from gates.media import TokenMaker
from gates.station_file import FILE_NAME, StationFile
from gates.station_parameters import StationParameters
from tests.gates.documents import make_document
from tests.server_process import ServerProcess, make_environment

RUN_MAX_S: Final = 60.0


class StationProcess:
    """The controller of one data directory, started as often as a test needs."""

    def __init__(self, server: ServerProcess, data_dir: Path, url: str = "") -> None:
        self.data_dir = data_dir
        self._url = url or server.url
        self.environment = {
            "FARE_GATES_DATA_DIR": str(data_dir),
            "FARE_GATE_KEY": server.gate_key,
            "FARE_TOKEN_KEY": (server.data_dir / "token.key").read_text(),
        }
        self.make_token = TokenMaker(bytes.fromhex(self.environment["FARE_TOKEN_KEY"])).token

    def store_parameters(self, document: bytes | None = None) -> None:
        """Store parameters in the controller's file, as an earlier run would have."""
        with StationFile(self.data_dir) as file:
            parameters = StationParameters(file, "FHY")
            document = document or make_document()
            parameters.adopt(document, parameters.read(document))

    def run(self, *lines: str, **environment: str) -> "Ran":
        """Start it, have it carry out these lines, and wait for its end."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gates", "--station", "FHY", "--engine", self._url),
            ],
            env=make_environment(self.environment | environment),
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_MAX_S,
        )
        return Ran(done)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One of the operator's commands."""
        return subprocess.run(
            [sys.executable, "-m", "gates", *arguments],
            env=make_environment(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_MAX_S,
        )

    def read(self, statement: str, *values: Any) -> list[Any]:
        """Query its file."""
        with StationFile(self.data_dir) as file:
            return file.read(statement, values)

    def write(self, statement: str) -> None:
        """Change its file."""
        with StationFile(self.data_dir) as file, file.transaction() as sql:
            sql.execute(statement)

    def holds(self, text: str) -> bool:
        """Whether any of its files contains this text."""
        return any(text.encode() in path.read_bytes() for path in self.data_dir.iterdir())

    @property
    def path(self) -> Path:
        """Its file."""
        return self.data_dir / FILE_NAME


class Ran:
    """A run: its exit status, its answers and its log."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.status = done.returncode
        self.log = done.stderr
        self.answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
