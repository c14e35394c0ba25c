"""A metro small enough to read: two stations, a crossing lane at one, and a ledger in a file."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import text

from fare_engine.batch import Batch, ReportSubmission, Result
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.journey import TokenState
from fare_engine.ledger.database import (
    Address,
    Connection,
    migrate,
    open_database,
    reading,
    writing,
)
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.stores.catalogue import load_catalogue, store_network
from fare_engine.ledger.where import Where
from fare_engine.network import (
    CHENGDU_BANDS,
    Direction,
    FareTable,
    Gate,
    Line,
    MediumType,
    Name,
    Network,
    Segment,
    Station,
)
from fare_engine.policy import Policy
from fare_engine.ports import Ledger, Wanted
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from fare_engine.tariff import Tariff
from fare_engine.verdict import Verdict

T = TypeVar("T")

NOON_MS = 1_637_726_400_000
"""2021-11-24 12:00 in Chengdu."""

MINUTE_MS = 60_000
_IN = frozenset({Direction.ENTRY})
_OUT = frozenset({Direction.EXIT})
_BOTH = _IN | _OUT

NETWORK = Network(
    network_id="small",
    name=Name("小地铁", "Small Metro"),
    time_zone="Asia/Shanghai",
    lines=(Line("1", Name("1号线", "Line 1")),),
    stations=(Station("FHY", Name("孵化园", "Fuhuayuan")), Station("CXL", Name("春", "Chun"))),
    segments=(Segment("1", "FHY", "CXL", 9_800),),
    gates=(
        Gate("FHY-A-01", "FHY", _IN),
        Gate("FHY-C-02", "FHY", _OUT),
        Gate("FHY-B-03", "FHY", _BOTH),
        Gate("CXL-A-01", "CXL", _BOTH),
    ),
    media=(
        MediumType("tianfutong", Name("天府通", "Tianfutong"), "[0-9]{10,20}"),
        MediumType("qr", Name("乘车码", "QR ride code"), "[a-z0-9]{1,32}"),
    ),
)

TARIFF = Tariff(
    1,
    0,
    FareTable({"FHY": {"FHY": 0, "CXL": 9_800}, "CXL": {"CXL": 0, "FHY": 9_800}}, CHENGDU_BANDS),
    discounts_percent={"tianfutong": 10},
)

PILOT = Policy(
    "FHY",
    1,
    15 * MINUTE_MS,
    frozenset({"tianfutong", "qr"}),
    frozenset({"FHY-A-01", "FHY-C-02"}),
    0,
)


def make_token(name: str) -> bytes:
    """The token of a passenger."""
    return name.encode().ljust(16, b"\0")


def decide_batch(engine: Engine, now_ms: int) -> Batch | None:
    """Decide what waits, up to its commit; None when nothing waits."""
    batch = engine.gather()
    if batch is not None:
        engine.decide(batch, engine.load(batch), now_ms)
    return batch


def create_ledger_file(path: Path) -> Catalogue:
    """An empty ledger in a real file, with this metro in it: a copy of one that was made once."""
    content, catalogue = _make_ledger_file()
    path.write_bytes(content)
    return publish_pilot(catalogue)


def prepare_database(url: str) -> None:
    """Migrate an empty database, and store this metro's network in it."""
    database = open_database(url)
    migrate(database)
    with writing(database) as connection:
        store_network(connection, NETWORK, "test", NOON_MS)
    database.dispose()


def make_published() -> Published:
    """What is published in a ledger of this metro, wherever it is stored."""
    _, catalogue = _make_ledger_file()
    return Published(1, publish_pilot(catalogue))


def publish_pilot(catalogue: Catalogue) -> Catalogue:
    """The catalogue with the pilot's policy and the tariff, which no ledger here stores."""
    return replace(catalogue, policies={"FHY": (PILOT,)}, tariffs=(TARIFF,), terms={})


@cache
def _make_ledger_file() -> tuple[bytes, Catalogue]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "ledger.sqlite3")
        database = open_database(path)
        migrate(database)
        with writing(database) as connection:
            store_network(connection, NETWORK, "test", NOON_MS)
            catalogue = load_catalogue(connection)
        database.dispose()
        return path.read_bytes(), catalogue


class MetroLedger(Ledger, Protocol):
    """What tests ask of any ledger beside the engine's port."""

    @property
    def where(self) -> Where: ...

    def close(self) -> None: ...


class Metro(ABC):
    """An engine over a real ledger of this metro, which can be closed and opened again.

    `address` is that of its database (`open_database`).
    """

    def __init__(self, address: Address, catalogue: Catalogue) -> None:
        self.address = address
        self.catalogue = catalogue
        self._sequence = 0
        self.suspect_gates: set[str] = set()
        self.now_ms = NOON_MS
        self.open()

    @property
    def published(self) -> Published:
        """What is published: this metro's catalogue."""
        return Published(1, self.catalogue)

    def use(self, catalogue: Catalogue) -> None:
        """Publish another catalogue."""
        self.catalogue = catalogue
        self.engine.use(self.published)

    @abstractmethod
    def open_ledger(self) -> MetroLedger:
        """Open what is stored."""

    def open(self) -> None:
        """Start the engine on what is stored."""
        self.open_over(self.open_ledger())

    def open_over(self, ledger: MetroLedger) -> None:
        """Start the engine over a ledger that is open, with nothing in its cache."""
        self.ledger = ledger
        self.engine = self.make_engine(ledger)

    def make_engine(self, ledger: Ledger) -> Engine:
        """An engine over a ledger that is open, with nothing in its cache."""
        return Engine(ledger, MemoryStates(), self.published, suspect_gates=self.suspect_gates)

    def restart(self) -> None:
        """Lose everything but what is stored."""
        self.ledger.close()
        self.open()

    def read_rows(self, query: str) -> list[Any]:
        """What the database answers."""
        database = open_database(self.address)
        try:
            with reading(database) as connection:
                return [tuple(row) for row in connection.execute(text(query))]
        finally:
            database.dispose()

    def change(self, change: Callable[[Connection], T]) -> T:
        """Run a change in a transaction, beside the engine."""
        database = open_database(self.address)
        try:
            with writing(database) as connection:
                return change(connection)
        finally:
            database.dispose()

    def tap(
        self,
        gate_id: str,
        direction: str,
        minutes: float = 0,
        *,
        tap_id: str | None = None,
        token: str = "anna",
        medium_type: str = "tianfutong",
        report: Report | None = None,
    ) -> Tap:
        """A tap so many minutes after noon."""
        self._sequence += 1
        return Tap(
            tap_id or f"{gate_id}.20211124.{self._sequence:06}",
            gate_id,
            int(Direction[direction.upper()]),
            medium_type,
            make_token(token),
            NOON_MS + round(minutes * MINUTE_MS),
            report,
        )

    def decide_all(self, *taps: Tap) -> list[Result]:
        """Decide taps in one batch, an hour after noon by the engine's clock."""
        return self.engine.process(taps, self.now_ms + 60 * MINUTE_MS)

    def report(self, tap: Tap, report: Report) -> Verdict:
        """Send what the gate did at a tap that was sent before."""
        submission = ReportSubmission(tap.tap_id, report, self.now_ms, lambda _: None)
        self.engine.offer(submission)
        self.engine.run_batch(self.now_ms)
        (result,) = submission.results
        assert isinstance(result, Verdict), result
        return result

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return len(self.read_rows(f"SELECT 1 FROM {table}"))

    def read_state(self, token: str = "anna") -> TokenState:
        """The state of a token as the ledger has it, whatever the cache remembers."""
        key = make_token(token)
        return self.ledger.load(Wanted(tokens=[key])).states[key]

    def decide(self, tap: Tap) -> Verdict:
        """Decide one tap that must not fail."""
        (result,) = self.decide_all(tap)
        assert isinstance(result, Verdict), result
        return result

    def enter(self, minutes: float = 0, gate_id: str = "FHY-A-01", token: str = "anna") -> Verdict:
        """An entry of a passenger."""
        return self.decide(self.tap(gate_id, "entry", minutes, token=token))

    def leave(self, minutes: float, gate_id: str = "FHY-C-02", token: str = "anna") -> Verdict:
        """An exit of a passenger."""
        return self.decide(self.tap(gate_id, "exit", minutes, token=token))


class SmallMetro(Metro):
    """The metro over a file."""

    ledger: SqliteLedger

    def __init__(
        self, directory: Path, *, run_rows: int = 100_000, at_once_rows: int = 20_000
    ) -> None:
        self.path = directory / "ledger.sqlite3"
        self._run_rows = run_rows
        self._at_once_rows = at_once_rows
        super().__init__(self.path, create_ledger_file(self.path))

    def open_ledger(self) -> SqliteLedger:
        """Open the file."""
        return SqliteLedger(
            self.path,
            self.published,
            run_rows=self._run_rows,
            at_once_rows=self._at_once_rows,
        )


class SharedMetro(Metro):
    """The metro over a PostgreSQL database that holds its network (`prepare_database`)."""

    ledger: PostgresqlLedger

    def __init__(self, url: str) -> None:
        super().__init__(url, make_published().catalogue)

    def open_ledger(self) -> PostgresqlLedger:
        """Connect to the database; another engine may be connected beside."""
        return PostgresqlLedger(str(self.address), self.published)


def make_metro(place: Address, *, run_rows: int = 100_000) -> Metro:
    """The metro over a file in a folder, or over a database."""
    return SharedMetro(place) if isinstance(place, str) else SmallMetro(place, run_rows=run_rows)
