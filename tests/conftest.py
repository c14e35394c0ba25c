"""A real server for all tests that need one; those that break theirs make one of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.commands import command
from tests.postgresql_server import Databases, run_databases
from tests.server_process import FARE_ENGINE, ServerProcess

__all__ = ["command"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server-binary",
        type=Path,
        default=Path(os.environ.get("FARE_HOSTILE_BINARY", FARE_ENGINE)),
        help="the `fare-engine` that tests/hostile attacks; this checkout's by default",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: several processes that share the tests then end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def server_binary(request: pytest.FixtureRequest) -> Path:
    """The binary that is attacked."""
    binary: Path = request.config.getoption("--server-binary")
    return binary


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the whole run. Whoever kills or stops it starts it again."""
    process = ServerProcess(
        tmp_path_factory.mktemp("server") / "data",
        FARE_AUTH_FAILURES_PER_MINUTE="1000000",  # the tests of a whole run are one peer
    )
    yield process
    process.stop()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Makes servers that a test has for itself, with settings or a program of its own."""
    made: list[ServerProcess] = []

    def make(**options: Any) -> ServerProcess:
        made.append(ServerProcess(tmp_path / f"data-{len(made)}", **options))
        return made[-1]

    yield make
    for process in made:
        process.stop()


@pytest.fixture
def gates(server: ServerProcess) -> Iterator[httpx2.Client]:
    """A client with the gate key."""
    with server.client() as client:
        yield client


@pytest.fixture
def admin(server: ServerProcess) -> Iterator[httpx2.Client]:
    """A client with the admin key."""
    with server.client(server.admin_key) as client:
        yield client


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases on a real PostgreSQL server, one for the whole run of a worker."""
    with run_databases() as found:
        yield found


@pytest.fixture
def make_database(databases: Databases) -> Iterator[Callable[..., str]]:
    """Makes databases that a test has for itself; their URLs."""
    made: list[str] = []

    def make(prepare: Callable[[str], None] | None = None) -> str:
        made.append(databases.make(prepare))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)
