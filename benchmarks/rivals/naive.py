"""The design that comes first to mind: SQLAlchemy's ORM on SQLite, one transaction a tap."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented


class _Base(DeclarativeBase):
    pass


class _Tap(_Base):
    __tablename__ = "taps"
    tap_id: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[bytes]
    is_entry: Mapped[bool]
    occurred_at_ms: Mapped[int]


class _Journey(_Base):
    __tablename__ = "journeys"
    number: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[bytes] = mapped_column(index=True)
    entry_id: Mapped[str]
    exit_id: Mapped[str | None]
    is_open: Mapped[bool]


def pair(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs, and the seconds from tuples in memory to rows that are durable."""
    with tempfile.TemporaryDirectory(prefix="fare-naive-") as directory:
        engine = create_engine(f"sqlite:///{Path(directory) / 'taps.sqlite'}")
        event.listen(engine, "connect", _set_up)
        _Base.metadata.create_all(engine)
        begun = time.perf_counter()
        for tap in taps:
            _take(engine, tap)
        seconds = time.perf_counter() - begun
        with Session(engine) as session:
            done = session.execute(
                select(_Journey.entry_id, _Journey.exit_id).where(_Journey.exit_id.is_not(None))
            )
            pairs = [(entry, exit_) for entry, exit_ in done if exit_ is not None]
        engine.dispose()
    return pairs, seconds


def _take(engine: Engine, tap: Presented) -> None:
    """An entry replaces the open journey; an exit ends it."""
    with Session(engine) as session, session.begin():
        if session.get(_Tap, tap.tap_id) is not None:
            return
        is_entry = tap.direction == "entry"
        session.add(
            _Tap(
                tap_id=tap.tap_id,
                token=tap.token,
                is_entry=is_entry,
                occurred_at_ms=tap.occurred_at_ms,
            )
        )
        journey = session.scalar(
            select(_Journey).where(_Journey.token == tap.token, _Journey.is_open)
        )
        if journey is not None:
            journey.is_open = False
            if not is_entry:
                journey.exit_id = tap.tap_id
        if is_entry:
            session.add(_Journey(token=tap.token, entry_id=tap.tap_id, is_open=True))


def _set_up(connection: object, _record: object) -> None:
    """As durable as the engine, and no slower than it must be."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
