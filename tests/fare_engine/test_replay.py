"""Replays in a scratch ledger: each row is a tap or skipped, and figures tell what came of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import FileTap, SkippedRow
from fare_engine.network import Direction
from fare_engine.replay import run
from fare_engine.replay.figures import REJECTED_KEPT_MAX
from fare_engine.replay.pilot import Pilot
from fare_engine.replay.run import Watch
from fare_engine.replay.taps import make_tap_id
from tests.fare_engine.interchange.tap_files import SHENZHEN_HEADER, metro_row, write_file
from tests.fare_engine.replays import (
    own_row,
    replay,
    tell_rejected,
    write_own,
    write_shenzhen,
)


@pytest.fixture(autouse=True)
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of a scratch ledger is left, however the replay ended."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield
    assert list(directory.iterdir()) == []


def test_taps_are_decided_in_the_order_of_their_clocks(tmp_path: Path) -> None:
    figures = replay(
        write_own(
            tmp_path,
            own_row("FHY-C-02", "exit", "08:10:00"),
            own_row("FHY-A-01", "entry", "08:00:00"),
        )
    )
    assert figures.reasons == {"entry_opened": 1, "same_station_within_window": 1}
    document = figures.document()
    assert document["first_occurred_at"] == "2021-11-25T08:00:00.000+08:00"
    assert document["last_occurred_at"] == "2021-11-25T08:10:00.000+08:00"


def test_taps_of_one_instant_are_decided_in_the_order_of_the_file(tmp_path: Path) -> None:
    entry = own_row("FHY-A-01", "entry", "08:00:00")
    leaving = own_row("FHY-C-02", "exit", "08:00:00")
    assert replay(write_own(tmp_path, entry, leaving)).outcomes == {"entered": 1, "waived": 1}
    assert replay(write_own(tmp_path, leaving, entry)).outcomes == {"unmatched": 1, "entered": 1}


def test_a_row_that_stands_there_twice_is_a_duplicate(tmp_path: Path) -> None:
    figures = replay(
        write_own(
            tmp_path,
            own_row("FHY-A-01", "entry", "08:00:00"),
            own_row("FHY-C-02", "exit", "08:10:00", tap_id="x"),
            own_row("FHY-A-01", "entry", "08:00:00"),
            own_row("FHY-C-02", "exit", "08:10:00.000", tap_id="x"),
            own_row("FHY-C-02", "exit", "08:11:00", tap_id="x"),
        )
    )
    assert figures.outcomes == {"entered": 1, "waived": 1}
    assert tell_rejected(figures) == [
        "4 duplicate : repeats the tap of line 2",
        "5 duplicate : repeats the tap of line 3",
        "6 malformed tap_id: was used before for another tap",
    ]


def test_a_repeated_bus_row_is_no_metro_row_both_times(tmp_path: Path) -> None:
    bus = metro_row("AAB", "08:00:00", "巴士", "74路")
    metro = metro_row("AAB", "08:00:00", "in", "罗湖")
    figures = replay(write_shenzhen(tmp_path, bus, bus, metro, metro))
    assert figures.skipped == {
        "not_metro": 2,
        "blank_station": 0,
        "malformed": 0,
        "duplicate": 1,
    }


def test_what_the_engine_cannot_decide_is_rejected_by_its_line(tmp_path: Path) -> None:
    figures = replay(
        write_own(
            tmp_path,
            own_row("FHY-A-01", "exit", "08:00:00"),
            own_row("NO-SUCH-GATE", "entry", "08:00:00"),
            own_row("FHY-A-01", "entry", "08:00:00", station="JRC"),
            own_row("X", "exit", "08:00:00", station="ELSEWHERE"),
            own_row("FHY-A-01", "entry", "08:00:00").replace("2021", "2031"),
            own_row("FHY-A-01", "entry", "08:00:00").replace("2021", "2001"),
            own_row("FHY-A-01", "entry", "08:00:00"),
        )
    )
    assert tell_rejected(figures) == [
        "2 malformed direction: the gate does not take this direction",
        "3 malformed gate_id: there is no such gate",
        "4 malformed station_id: the gate belongs to another station",
        "5 malformed station_id: there is no such station",
        "6 malformed occurred_at: lies more than 5 minutes ahead of now",
        "7 malformed occurred_at: no tariff was in force then",
    ]
    assert figures.taps == 1


def test_a_file_without_rows(tmp_path: Path) -> None:
    for pilot in Pilot:
        figures = replay(write_own(tmp_path), pilot=pilot)
        assert (figures.rows, figures.document()["first_occurred_at"]) == (0, None)


def test_a_file_that_ends_too_early_is_not_replayed_by_half(tmp_path: Path) -> None:
    path = tmp_path / "day.csv.gz"
    rows = [metro_row(f"A{number}", "08:00:00", "in", "罗湖") for number in range(5_000)]
    write_file(path, SHENZHEN_HEADER, *rows)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileInvalid, match="cut off"):
        replay(path)


def test_elapsed_time_is_told_with_upper_bounds_inclusive(tmp_path: Path) -> None:
    rows = []
    for number, seconds in enumerate((0, 60, 61, 120, 300, 600, 900, 901, 1_800, 3_600, 3_601)):
        clock = f"09:{seconds // 60 % 60:02}:{seconds % 60:02}"
        clock = clock if seconds < 3_600 else clock.replace("09", "10", 1)
        rows.append(metro_row(f"A{number}", "09:00:00", "in", "罗湖", gate="1"))
        rows.append(metro_row(f"A{number}", clock, "out", "罗湖", gate="2"))
    crossings = replay(write_shenzhen(tmp_path, *rows), pilot=Pilot.ALL).same_station
    assert crossings.pairs_by_elapsed == [2, 2, 1, 1, 1, 2, 1, 1]
    assert crossings.waived_by_elapsed == [2, 2, 1, 1, 1, 0, 0, 0]
    assert (crossings.pairs, crossings.within_window) == (11, 7)
    bounds = [stretch["up_to_minutes"] for stretch in crossings.list_by_elapsed()]
    assert bounds == [1, 2, 5, 10, 15, 30, 60, None]


def test_many_batches_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for number in range(50):
        rows.append(metro_row(f"A{number % 7}", f"09:{number:02}:00", "in", "罗湖", gate="1"))
        rows.append(metro_row(f"A{number % 5}", f"09:{number:02}:30", "out", "罗湖", gate="2"))
    path = write_shenzhen(tmp_path, *rows, rows[3], rows[60])
    whole = replay(path, pilot=Pilot.ALL).document()
    monkeypatch.setattr(run, "BATCH_TAPS", 7)
    assert replay(path, pilot=Pilot.ALL).document() == whole
    assert whole["skipped"]["duplicate"] == 2


def test_progress_and_skipped_rows_are_told_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROWS_BETWEEN", 2)
    monkeypatch.setattr(run, "BATCH_TAPS", 2)
    progress: list[tuple[int, int, int | None]] = []
    skipped: list[SkippedRow] = []
    rows = [metro_row(f"A{number}", "09:00:00", "in", "罗湖") for number in range(3)]
    path = write_shenzhen(tmp_path, *rows, metro_row("B", "09:00:00", "in", ""), rows[0])
    replay(path, watch=Watch(lambda *told: progress.append(told), skipped.append))
    assert progress == [(2, 0, None), (4, 0, None), (5, 0, None), (5, 2, 4), (5, 4, 4)]
    assert [(row.line_number, row.reason) for row in skipped] == [
        (5, "blank_station"),
        (6, "duplicate"),
    ]


def test_only_the_first_rejected_rows_are_kept(tmp_path: Path) -> None:
    count = REJECTED_KEPT_MAX + 5
    figures = replay(write_own(tmp_path, *["x"] * count))
    assert (figures.rejected_count, len(figures.list_rejected())) == (count, REJECTED_KEPT_MAX)


def test_ids_made_of_content() -> None:
    tap = FileTap(1_637_712_930_120, 2, "FHY-A-01", None, Direction.ENTRY, "qr", b"t" * 16, None, 0)
    made = make_tap_id(tap)
    assert made.startswith("FHY-A-01.1637712930120-")
    assert len(made) <= 64
    assert make_tap_id(tap._replace(line_number=9, station_id="FHY", listed_fare=5)) == made
    others = [
        tap._replace(occurred_at_ms=1_637_712_930_121),
        tap._replace(gate_id="FHY-A-02"),
        tap._replace(direction=Direction.EXIT),
        tap._replace(medium_type="tianfutong"),
        tap._replace(token=b"u" * 16),
        tap._replace(gate_id="闸机 1"),
        tap._replace(gate_id="闸机 2"),
        tap._replace(gate_id="x" * 64),
    ]
    ids = {make_tap_id(other) for other in others}
    assert len(ids | {made}) == 1 + len(others)
    assert all(len(other) <= 64 and other.isascii() for other in ids)
