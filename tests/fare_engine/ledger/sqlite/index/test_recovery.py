"""While the end of the ledger is read into memory, every tap in it is found, wherever it stands."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.sqlite.index import recovery
from fare_engine.ledger.sqlite.index.recovery import SCAN_MAX, TailReading
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import SmallMetro

TAPS = 90


class HeldReading(TailReading):
    """Reads on when it is told to, where the thread would."""

    @property
    def is_running(self) -> bool:
        return not self.is_done


@pytest.fixture
def metro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMetro]:
    """A metro whose ledger reads its end a few rows at a time."""
    monkeypatch.setattr(recovery, "_CHUNK_ROWS", TAPS // 6)
    metro = SmallMetro(tmp_path)
    yield metro
    metro.ledger.close()


def _make_taps(metro: SmallMetro, count: int = TAPS, first_minute: int = 0) -> list[Tap]:
    """Entries and exits of a few passengers, some refused, at one gate with rising numbers."""
    chance = random.Random(first_minute)
    return [
        metro.tap(
            "FHY-B-03",
            chance.choice(("entry", "exit")),
            chance.uniform(first_minute, first_minute + 10),
            token=f"token {chance.randrange(12)}",
        )
        for _ in range(count)
    ]


def _start_reading(metro: SmallMetro) -> HeldReading:
    """What a restart begins with: nothing of the ledger's end in memory."""
    metro.restart()
    indexing = metro.ledger.indexing
    metro.ledger._highest.forget_all()
    indexing.restart(metro.ledger._writer, 0, indexing.last_row)
    indexing.reading = HeldReading(0, indexing.last_row)
    return indexing.reading


def test_taps_are_known_and_states_are_right_however_much_is_read(metro: SmallMetro) -> None:
    taps = _make_taps(metro)
    firsts = metro.decide_all(*taps)
    tokens = {tap.token for tap in taps}
    expected = _remembered(metro, tokens)
    reading = _start_reading(metro)
    for _ in range(6):
        assert metro.ledger.find_states(tokens) == expected
        assert metro.decide_all(*taps) == [_again(first) for first in firsts]
        assert metro.ledger.find_recent_row(taps[-1].tap_id) == TAPS
        reading.read_chunk(metro.ledger._connection)
    assert metro.ledger.find_states(tokens) == expected
    assert reading.read_through == TAPS


def test_taps_that_come_meanwhile_are_known_ever_after(metro: SmallMetro) -> None:
    taps = _make_taps(metro)
    firsts = metro.decide_all(*taps)
    reading = _start_reading(metro)
    for minutes in range(6, 48, 6):
        more = _make_taps(metro, 5, minutes)
        firsts += metro.decide_all(*more)
        taps += more
        if not reading.is_done:
            reading.read_chunk(metro.ledger._connection)
        if reading.read_through == TAPS:
            reading.read(metro.ledger._connection, metro.ledger._known_tokens.add)
    assert not any(isinstance(first, Verdict) and first.replayed for first in firsts)
    assert metro.decide_all(*taps) == [_again(first) for first in firsts]
    assert metro.ledger.indexing.reading is None
    assert len(metro.ledger.indexing.tail) == len(taps)
    tokens = {tap.token for tap in taps}
    assert metro.ledger.find_states(tokens) == _remembered(metro, tokens)


def test_ids_of_any_text_are_read_as_they_are(metro: SmallMetro) -> None:
    ids = ["a\0b", 'q"x\\', "成都.😀.1", "x,y", "\x01\x1f\x7f", "é/.", "' OR 1"]
    taps = [metro.tap("FHY-A-01", "entry", tap_id=tap_id) for tap_id in ids]
    metro.decide_all(*taps)
    reading = _start_reading(metro)
    reading.read(metro.ledger._connection, metro.ledger._known_tokens.add)
    assert reading.tap_ids == {tap_id: row for row, tap_id in enumerate(ids, 1)}
    assert all(metro.decide(tap).replayed for tap in taps)


def test_a_tap_that_failed_to_commit_meanwhile_is_decided_when_it_comes_again(
    metro: SmallMetro,
) -> None:
    metro.decide_all(*_make_taps(metro))
    reading = _start_reading(metro)
    lost, kept = metro.tap("FHY-A-01", "entry"), metro.tap("FHY-A-01", "entry", token="bela")
    assert not metro.ledger.find_taps([lost.tap_id]), "asked, and never stored"
    assert not metro.decide(kept).replayed
    reading.read(metro.ledger._connection, metro.ledger._known_tokens.add)
    assert metro.decide(kept).replayed
    assert not metro.decide(lost).replayed
    assert metro.decide(lost).replayed


def test_no_run_of_the_index_begins_before_all_is_read(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path, run_rows=20)
    metro.decide_all(*_make_taps(metro))
    reading = _start_reading(metro)
    for tap in _make_taps(metro, 30):
        metro.decide(tap)
    assert not _runs(metro)
    assert not metro.ledger.can_catch_up
    reading.read(metro.ledger._connection, metro.ledger._known_tokens.add)
    metro.decide(metro.tap("FHY-A-01", "entry"))
    assert _runs(metro)
    metro.ledger.close()


def test_what_a_thread_could_not_read_is_read_by_whoever_asks(metro: SmallMetro) -> None:
    def fail() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    first = metro.decide(metro.tap("FHY-A-01", "entry"))
    _start_reading(metro)
    reading = metro.ledger.indexing.reading = TailReading(0, 1)
    reading.read_beside(fail, metro.ledger._known_tokens.add)
    reading.wait()
    assert metro.decide(first.tap).replayed
    assert metro.ledger.indexing.reading is None


def test_a_batch_of_many_taps_waits_until_all_is_read(metro: SmallMetro) -> None:
    taps = _make_taps(metro, SCAN_MAX + 1)
    firsts = metro.decide_all(*taps)
    _start_reading(metro)
    reading = metro.ledger.indexing.reading = TailReading(0, len(taps))
    reading.read_beside(lambda: sqlite3.connect(metro.path), metro.ledger._known_tokens.add)
    assert metro.decide_all(*taps) == [_again(first) for first in firsts]
    assert metro.ledger.indexing.reading is None


def _runs(metro: SmallMetro) -> bool:
    return metro.ledger.indexing.run is not None


def _remembered(metro: SmallMetro, tokens: set[bytes]) -> dict[bytes, TokenState]:
    """The states of the index, which made them by deciding."""
    index = metro.engine._index.find(tokens)
    return {token: state for token, state in index.items() if state is not BLANK}


def _again(first: object) -> Verdict:
    assert isinstance(first, Verdict), first
    return first.replace(replayed=True)
