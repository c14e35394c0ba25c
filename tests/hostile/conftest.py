"""Servers to attack: of this checkout, or of the binary that is named."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.hostile.under_attack import start_server
from tests.server_process import ServerProcess

BODY_BYTES_MAX = 65_536


@pytest.fixture(scope="session")
def roomy(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with limits as they are by default, but for a body, and long deadlines."""
    process = start_server(
        server_binary,
        tmp_path_factory.mktemp("roomy") / "data",
        {"FARE_BODY_BYTES_MAX": BODY_BYTES_MAX, "FARE_AUTH_FAILURES_PER_MINUTE": 1_000_000},
    )
    yield process
    process.stop()


@pytest.fixture
def attack(server_binary: Path, tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Makes a server for one test, with settings of its own."""
    made: list[ServerProcess] = []

    def make(prefix: Sequence[str] = (), **settings: object) -> ServerProcess:
        data_dir = tmp_path / f"data-{len(made)}"
        made.append(start_server(server_binary, data_dir, settings, prefix))
        return made[-1]

    yield make
    for process in made:
        process.stop()
