"""Makes an old ledger through one server, and notes what it answered."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.fare_engine.ledger.old_ledgers.asking import Exchange, ask
from tests.server_process import ServerProcess, run_command

DAY: Final = "2021-11-24"

Body = dict[str, Any]


class Maker:
    """Sends everything to one server, and notes what may be sent again."""

    def __init__(self, server: ServerProcess, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.client = server.client(server.admin_key)
        self.exchanges: list[Exchange] = []
        self.conflicts: list[Exchange] = []
        self._taps = 0

    def send(self, path: str, body: Body, *, status: int = 200, again: bool = True) -> Any:
        exchange = ask(self.client, "POST", path, body)
        assert exchange["status"] == status, exchange
        if again:
            self.exchanges.append(exchange)
        return exchange["answer"]

    def tap(self, gate_id: str, direction: str, medium: Body, at: str, **more: Any) -> Body:
        """Send a tap that can be decided; the tap. `at` is a time of the day, or a whole one."""
        self._taps += 1
        body = {
            "tap_id": f"{gate_id}.20211124.{self._taps:04}",
            "gate_id": gate_id,
            "direction": direction,
            "medium": medium,
            "occurred_at": at if "T" in at else f"{DAY}T{at}+08:00",
            **more,
        }
        self.send("/v1/taps", body)
        return body

    def contradict(self, tap: Body) -> None:
        """The same tap_id with other content."""
        body = tap | {"occurred_at": f"{DAY}T00:00:00+08:00"}
        exchange = ask(self.client, "POST", "/v1/taps", body)
        assert exchange["status"] == 409, exchange
        self.conflicts.append(exchange)

    def report(self, tap: Body, *, again: bool = True, **more: Any) -> None:
        body = {"gate_action_taken": "open", "fare_taken": 0} | more
        self.send(f"/v1/taps/{tap['tap_id']}/report", body, again=again)

    def publish(self, path: str, body: Body, *, method: str = "POST") -> Any:
        exchange = ask(self.client, method, path, body)
        assert exchange["status"] in (200, 201), exchange
        return exchange["answer"]

    def command(self, *arguments: object) -> Any:
        """Run a command against the server; what it printed."""
        options = ("--data-dir", self.server.data_dir, "--json")
        done = run_command(*arguments, *options, FARE_ADMIN_KEY=self.server.admin_key)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def card(number: int) -> Body:
    """A made-up card."""
    return {"type": "tianfutong", "id": f"31{number:014}"}


def now(seconds: float = 0) -> str:
    """The engine's clock, for what is in force from now on only."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
