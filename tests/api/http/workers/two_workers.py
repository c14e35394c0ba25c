"""A server with two workers, each reached at its own address or at that of both."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import httpx2
import psycopg

from tests.server_process import ServerProcess, run_command

T = TypeVar("T")

PATIENCE_SECONDS: Final = 120.0
"""A worker that starts beside other tests may take long; nothing here is measured."""

PASSWORD: Final = "a-password/that is in@no:log"
"""The server of the tests asks for none, so that any is right."""

PASSWORD_IN_URL: Final = "a-password%2Fthat%20is%20in%40no%3Alog"


class Worker(NamedTuple):
    """A worker as the process of all workers shows it."""

    number: int
    pid: int
    url: str
    is_ready: bool


class TwoWorkers:
    """Two workers over an empty database, at which `init` was run."""

    def __init__(self, data_dir: Path, database_url: str) -> None:
        self.database_url = add_password(database_url)
        ledger = {"FARE_DATABASE_URL": self.database_url}
        made = run_command("init", "--data-dir", data_dir, "--json", **ledger)
        assert made.returncode == 0, made.stderr
        self.server = ServerProcess(
            data_dir,
            setup=json.loads(made.stdout),
            **ledger,
            FARE_WORKERS="2",
            FARE_LOG_LEVEL="debug",
            FARE_AUTH_FAILURES_PER_MINUTE="1000000",
        )
        self.wait_until_ready()

    @property
    def overview_url(self) -> str:
        """The address of the process that runs both."""
        return self.server.metrics_url.removesuffix("/metrics")

    def list_workers(self) -> list[Worker]:
        """The workers that are there now, by their numbers."""
        answer = httpx2.get(f"{self.overview_url}/readyz", timeout=30, trust_env=False)
        return [
            Worker(one["worker"], one["pid"], one["url"], one["ready"])
            for one in answer.json()["workers"]
            if one["pid"] is not None
        ]

    def wait_until_ready(self, but_for_pids: frozenset[int] = frozenset()) -> list[Worker]:
        """Wait until both are ready, and neither has one of these pids."""

        def find() -> list[Worker] | None:
            found = [one for one in self.list_workers() if one.pid not in but_for_pids]
            return found if sum(one.is_ready for one in found) == 2 else None

        return wait_for(find)

    def client(self, number: int, key: str | None = None) -> httpx2.Client:
        """A client of one worker alone, with the gate key where none is named."""
        url = next(one.url for one in self.list_workers() if one.number == number)
        headers = {"Authorization": f"Bearer {key or self.server.gate_key}"}
        return httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def admin(self, number: int) -> httpx2.Client:
        """A client of one worker with the admin key."""
        return self.client(number, self.server.admin_key)

    @contextmanager
    def without_notices(self) -> Iterator[None]:
        """A block in which the database does not say that something is published."""
        change = "ALTER TABLE configuration {} TRIGGER announce_published"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(change.format("DISABLE").encode())
            yield
            connection.execute(change.format("ENABLE").encode())

    def read_metrics(self) -> str:
        """One scrape of both."""
        return httpx2.get(self.server.metrics_url, timeout=30, trust_env=False).text


def add_password(url: str) -> str:
    """The same database, with the password of these tests in its URL."""
    return url.replace("://postgres@", f"://postgres:{PASSWORD_IN_URL}@")


def wait_for(find: Callable[[], T | None]) -> T:
    """What is found, as soon as there is something."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while (found := find()) is None:
        assert time.monotonic() < ends_at, "it has not come"
        time.sleep(0.02)
    return found


def check(response: httpx2.Response, status: int = 200) -> Any:
    """The answer of a request that must have this status."""
    assert response.status_code == status, response.text
    return response.json()
