"""A server of two workers over a database of its own."""

from collections.abc import Iterator

import pytest

from tests.api.http.workers.two_workers import TwoWorkers
from tests.postgresql_server import Databases


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[TwoWorkers]:
    """Both workers, for the whole run; a test that kills or restarts one waits for both again."""
    url = databases.make()
    running = TwoWorkers(tmp_path_factory.mktemp("workers") / "data", url)
    yield running
    assert running.server.stop() == 0
    databases.drop(url)
