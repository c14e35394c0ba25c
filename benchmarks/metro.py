"""A data directory with the workload's metro, and taps already in its ledger."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.workload import (
    GATES_A_STATION,
    MORNING_MS,
    PILOTS,
    STATIONS,
    Presented,
    Workload,
    gate_id,
    in_batches,
    make_network,
    station_id,
)
from fare_engine.access_key import GATE
from fare_engine.engine import Engine
from fare_engine.ledger.database import migrate, open_database, writing
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.stores import keys as key_store
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    store_network,
)
from fare_engine.network import CHENGDU_BANDS, Direction, FareTable
from fare_engine.opening import open_engine, read_published
from fare_engine.policy import Policy
from fare_engine.published import Published
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff

ACTOR = "benchmarks"


def create(path: Path) -> str:
    """A new data directory for the workload; returns a gate key for all of its stations."""
    with EmbeddedPlace(path).create() as ledger_path:
        database = open_database(ledger_path)
        migrate(database)
        with writing(database) as connection:
            store_network(connection, make_network(), ACTOR, MORNING_MS)
            catalogue = load_catalogue(connection)
            fares = FareTable({}, CHENGDU_BANDS)
            tariff = Tariff(1, 0, fares, discounts_percent={"tianfutong": 10})
            catalogue = publish_tariff(connection, catalogue, tariff, ACTOR, MORNING_MS)
            for number in range(PILOTS):
                policy = _make_policy(number)
                catalogue = publish_policy(connection, catalogue, policy, ACTOR, MORNING_MS)
            stations = {station_id(number) for number in range(STATIONS)}
            _, key = key_store.create_key(
                connection, GATE, "benchmarks", stations, MORNING_MS, ACTOR
            )
        database.dispose()
    return key


def fill(path: Path, workload: Workload, rows: int, progress: Callable[[int], None]) -> None:
    """Put so many taps into the ledger, as the engine itself would."""
    done = 0
    with _opened(path) as engine:
        while done < rows:
            for batch in in_batches(workload.mixed(min(50_000, rows - done)), 1_000):
                engine.process([as_tap(tap) for tap in batch], batch[-1].occurred_at_ms)
                done += len(batch)
            progress(done)


def store(path: Path, taps: Sequence[Presented]) -> None:
    """Put these taps into the ledger, as one batch."""
    with _opened(path) as engine:
        engine.process([as_tap(tap) for tap in taps], taps[-1].occurred_at_ms)


def load(path: Path) -> Published:
    """What is published in a data directory."""
    return read_published(EmbeddedPlace(path).open())


def as_tap(tap: Presented) -> Tap:
    """A tap as it reaches the rule."""
    return Tap(
        tap.tap_id,
        tap.gate_id,
        int(Direction[tap.direction.upper()]),
        "tianfutong",
        tap.token,
        tap.occurred_at_ms,
    )


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    """An engine in this process over a data directory."""
    with open_engine(EmbeddedPlace(path).open().open_ledger, load(path)) as (engine, _):
        yield engine


def _make_policy(number: int) -> Policy:
    station = station_id(number)
    gates = {gate_id(number, gate) for gate in range(GATES_A_STATION)}
    return Policy(station, 1, 15 * 60_000, frozenset({"tianfutong"}), frozenset(gates), 0)
