"""A probe finds out whether a tap would be stored, and stores nothing itself."""

from collections.abc import Iterator

import pytest

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.postgresql.probe import Probe
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld


@pytest.fixture
def probe(world: SharedWorld) -> Iterator[Probe]:
    made = Probe(world.url)
    yield made
    made.close()


def test_a_ledger_that_takes_taps_passes(probe: Probe) -> None:
    probe.read()
    probe.write()


def test_a_write_is_a_commit_that_reaches_the_log(world: SharedWorld, probe: Probe) -> None:
    probe.read()
    before = world.execute("SELECT pg_current_wal_flush_lsn()")
    probe.write()
    ((has_grown,),) = world.execute("SELECT pg_current_wal_flush_lsn() > %s", before[0][0])
    assert has_grown


def test_without_a_partition_ahead_it_fails(world: SharedWorld, probe: Probe) -> None:
    world.execute("SELECT setval('tap_rows', find_partitions_end())")
    with pytest.raises(LedgerUnavailable, match="no partition for the rows of new taps"):
        probe.read()


def test_it_connects_again_where_its_connection_was_cut(world: SharedWorld, probe: Probe) -> None:
    probe.read()
    world.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(LedgerUnavailable):
        probe.read()
    probe.read()
