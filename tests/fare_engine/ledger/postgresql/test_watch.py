"""A watch is notified of what others publish, and finds out by itself where it was not."""

from collections.abc import Iterator

import pytest

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.postgresql import watch as watching
from fare_engine.ledger.postgresql.watch import Watch
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld


@pytest.fixture
def watch(world: SharedWorld) -> Iterator[Watch]:
    made = Watch(world.url)
    yield made
    made.close()


def test_it_knows_the_version_at_once_and_then_with_each_publication(
    world: SharedWorld, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 60.0)  # it has to be notified
    first = watch.wait()
    for nth in (1, 2, 3):
        world.publish()
        assert watch.wait() == first + nth


def test_it_looks_where_no_notice_comes(
    world: SharedWorld, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    first = watch.wait()
    assert watch.wait() == first
    world.execute("DROP TRIGGER announce_published ON configuration")
    world.publish()
    assert watch.wait() == first + 1


def test_it_connects_again_where_its_connection_was_cut(world: SharedWorld, watch: Watch) -> None:
    first = watch.wait()
    world.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'SELECT version%%'"
    )
    with pytest.raises(LedgerUnavailable):
        watch.wait()
    world.publish()
    assert watch.wait() == first + 1
