"""A checkout of the project as a side of a comparison: driven by its own command and over HTTP.

Nothing of it is imported, so that a side may be laid out in any way.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from benchmarks import served
from benchmarks.compare.metro import list_policies, list_stations, write_network

INIT_MAX_S = 60.0


class Checkout(NamedTuple):
    """One side, by its name and its directory; the environment is added to that of its servers."""

    name: str
    path: Path
    environment: Mapping[str, str]

    @property
    def binary(self) -> Path:
        """Its own `fare-engine`."""
        return self.path / ".venv" / "bin" / "fare-engine"

    @property
    def commit(self) -> str:
        """What is checked out, with a plus where files differ from it."""
        commit = self._ask_git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if self._ask_git("status", "--porcelain") else "")

    @contextmanager
    def serving(
        self, data_dir: Path, ends_by: Signals = Signals.SIGTERM
    ) -> Iterator[served.Running]:
        """A server of this side on a data directory."""
        with served.running(data_dir, ends_by, self.binary, self.environment) as server:
            yield server

    def make_ledger(self, data_dir: Path) -> str:
        """A new data directory with the metro of the workload; a gate key for all of its gates."""
        network = data_dir.with_name("network.toml")
        write_network(network)
        made = subprocess.run(
            [
                str(self.binary),
                *("init", "--data-dir", str(data_dir), "--network", str(network), "--json"),
            ],
            env=served.make_environment(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=INIT_MAX_S,
        )
        if made.returncode != 0:
            raise RuntimeError(f"{self.binary} init: {made.stderr}")
        admin_key = json.loads(made.stdout)["admin_key"]
        with self.serving(data_dir) as server:
            for station_id, policy in list_policies():
                _post(server.port, admin_key, f"/v1/stations/{station_id}/policies", policy)
            speaks_for = {"kind": "gate", "name": "compare", "stations": list_stations()}
            gate_key: str = _post(server.port, admin_key, "/v1/keys", speaks_for)["key"]
        return gate_key

    def _ask_git(self, *arguments: str) -> str:
        command: Sequence[str | Path] = ["git", "-C", self.path, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def _post(port: int, key: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{port}{path}"
    with urlopen(Request(url, json.dumps(body).encode(), headers)) as answer:
        answered: dict[str, Any] = json.load(answer)
    return answered
