"""Partitions are made ahead, and taps find theirs."""

from concurrent.futures import ThreadPoolExecutor

from fare_engine.engine import Engine
from fare_engine.ledger.postgresql.ledger import BLOCK_ROWS, PostgresqlLedger
from fare_engine.ledger.postgresql.partitions import PARTITION_ROWS, Partitioning
from fare_engine.ledger.schema import taps
from fare_engine.states.memory import MemoryStates
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld
from tests.fare_engine.ports.ledger_contract import make_tap, process

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'taps'::regclass"
END = 2 * PARTITION_ROWS + 1


def test_a_new_ledger_has_a_partition_ahead(world: SharedWorld) -> None:
    ledger = world.open()
    assert ledger.maintenance.end == END
    ledger.take_rows(1)
    assert not ledger.maintenance.is_due


def do_what_is_due(ledger: PostgresqlLedger) -> None:
    """As a worker does while no tap waits."""
    if ledger.maintenance.is_due:
        ledger.maintenance.step()
        ledger.maintenance.stepped()


def test_the_next_one_is_made_once_less_than_one_is_ahead(world: SharedWorld) -> None:
    ledger = world.open()
    world.execute("SELECT setval('tap_rows', %s)", PARTITION_ROWS + 1)
    process(Engine(ledger, MemoryStates(), world.published), make_tap("g.1"))
    do_what_is_due(ledger)
    do_what_is_due(ledger)
    assert ledger.maintenance.end == END + PARTITION_ROWS
    assert world.execute(PARTITIONS) == [(3,)]


def test_workers_that_see_it_together_make_one(world: SharedWorld) -> None:
    workers = [Partitioning(world.url) for _ in range(4)]
    for worker in workers:
        worker.highest_row, worker.end = PARTITION_ROWS + BLOCK_ROWS, END
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(Partitioning.step, workers))
    assert world.execute(PARTITIONS) == [(3,)]


def test_a_partition_is_made_beside_transactions_that_store_taps(world: SharedWorld) -> None:
    engine, _ = world.start()
    (verdict,) = process(engine, make_tap("g.1"))
    columns = ", ".join(taps.columns.keys()[1:]).replace(" number,", " NULL,")
    copy = f"INSERT INTO taps SELECT {verdict.row + 1}, {columns} FROM taps"
    with world.connect() as storing:
        storing.execute(copy.encode())
        assert world.execute("SELECT make_partition(%s)", END) == [(END + PARTITION_ROWS,)]


def test_taps_of_all_partitions_are_found_and_followed(world: SharedWorld) -> None:
    engine, ledger = world.start()
    verdicts = process(engine, make_tap("g.1"))
    world.execute("SELECT setval('tap_rows', %s)", PARTITION_ROWS + 1)
    other = world.open()
    verdicts += process(Engine(other, MemoryStates(), world.published), make_tap("g.2", minutes=5))
    assert verdicts[1].row > PARTITION_ROWS
    assert list(ledger.follow("", 10).verdicts) == verdicts
    assert world.count("ONLY taps_from_1") == 1
