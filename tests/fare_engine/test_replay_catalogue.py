"""By which stations, gates and policies a file is replayed in a scratch ledger."""

from pathlib import Path

import pytest

from fare_engine.errors import CatalogueInvalid
from fare_engine.interchange.mapping import FileMapping
from fare_engine.interchange.rows import SkipReason
from fare_engine.replay.pilot import Pilot
from tests.fare_engine.interchange.tap_files import CARD, metro_row
from tests.fare_engine.replays import (
    MINUTE_MS,
    own_row,
    replay,
    write_own,
    write_shenzhen,
)


def test_a_crossing_at_the_built_in_pilot_is_waived(tmp_path: Path) -> None:
    figures = replay(
        write_own(
            tmp_path,
            own_row("FHY-A-01", "entry", "08:00:00.000"),
            own_row("FHY-C-02", "exit", "08:15:00.000"),
            own_row("FHY-A-01", "entry", "09:00:00.000"),
            own_row("FHY-C-02", "exit", "09:15:00.001"),
            own_row("CXL-A-01", "entry", "10:00:00"),
            own_row("CXL-A-02", "exit", "10:01:00"),
            own_row("FHY-A-01", "entry", "11:00:00"),
            own_row("CXL-A-02", "exit", "11:30:00"),
        )
    )
    assert figures.reasons == {
        "entry_opened": 4,
        "same_station_within_window": 1,
        "window_exceeded": 1,
        "station_not_in_pilot": 1,
        "different_station": 1,
    }
    assert (figures.same_station.pairs, figures.same_station.within_window) == (3, 2)
    assert figures.same_station.pairs_by_elapsed == [1, 0, 0, 0, 1, 1, 0, 0]
    assert figures.same_station.waived_by_elapsed == [0, 0, 0, 0, 1, 0, 0, 0]
    assert figures.fare_waived == 180
    assert figures.count_entries()["open"] == 0


def test_gates_that_only_the_file_knows_come_along(tmp_path: Path) -> None:
    path = write_own(
        tmp_path,
        own_row("NEW-IN", "entry", "08:00:00", station="FHY"),
        own_row("FHY-C-02", "exit", "08:10:00"),
    )
    assert replay(path).reasons == {"entry_opened": 1, "gate_not_designated": 1}
    assert replay(path, pilot=Pilot.ALL).outcomes == {"entered": 1, "waived": 1}


def test_stations_that_only_the_file_knows_come_along_where_every_exit_lists_its_fare(
    tmp_path: Path,
) -> None:
    rows = [
        own_row("A", "entry", "08:00:00", station="NOWHERE"),
        own_row("B", "exit", "08:30:00", station="ELSEWHERE", fare="450"),
    ]
    figures = replay(write_own(tmp_path, *rows))
    assert figures.reasons == {"entry_opened": 1, "different_station": 1}
    assert figures.fare == 450
    without = own_row("FHY-C-02", "exit", "09:00:00", card=CARD[::-1])
    figures = replay(write_own(tmp_path, *rows, without))
    assert figures.reasons == {"no_open_entry": 1}
    assert figures.skipped[SkipReason.MALFORMED] == 2


def test_a_charged_pair_takes_the_listed_fare(tmp_path: Path) -> None:
    path = write_shenzhen(
        tmp_path,
        metro_row("AAB", "08:00:00", "in", "罗湖", gate="1"),
        metro_row("AAB", "08:30:00", "out", "老街站", gate="2", value="300"),
        metro_row("AAC", "08:00:00", "in", "罗湖站", gate="1"),
        metro_row("AAC", "08:10:00", "out", "罗湖", gate="3", value="250"),
    )
    figures = replay(path)
    assert figures.reasons == {
        "entry_opened": 2,
        "different_station": 1,
        "station_not_in_pilot": 1,
    }
    assert figures.fare == 550
    figures = replay(path, pilot=Pilot.ALL)
    assert figures.outcomes == {"entered": 2, "charged": 1, "waived": 1}
    assert (figures.fare, figures.fare_waived) == (300, 200)


def test_pilots(tmp_path: Path) -> None:
    path = write_own(
        tmp_path,
        own_row("FHY-A-01", "entry", "08:00:00"),
        own_row("FHY-C-02", "exit", "08:14:00"),
        own_row("CXL-A-01", "entry", "09:00:00"),
        own_row("CXL-A-02", "exit", "09:14:00"),
    )
    waived = {
        (pilot, window_ms): replay(path, pilot=pilot, window_ms=window_ms).outcomes["waived"]
        for pilot in Pilot
        for window_ms in (None, 10 * MINUTE_MS)
    }
    assert waived == {
        (Pilot.CONFIGURED, None): 1,
        (Pilot.CONFIGURED, 10 * MINUTE_MS): 0,
        (Pilot.ALL, None): 2,
        (Pilot.ALL, 10 * MINUTE_MS): 0,
        (Pilot.NONE, None): 0,
        (Pilot.NONE, 10 * MINUTE_MS): 0,
    }


def test_a_pilot_everywhere_is_in_force_at_the_first_tap(tmp_path: Path) -> None:
    path = write_own(
        tmp_path,
        own_row("FHY-A-01", "entry", "08:00:00"),
        own_row("FHY-C-02", "exit", "08:15:00"),
    )
    path.write_text(path.read_text("utf-8").replace("2021", "2015"), "utf-8")
    assert replay(path).outcomes == {"entered": 1, "charged": 1}
    assert replay(path, pilot=Pilot.ALL).outcomes == {"entered": 1, "waived": 1}


@pytest.mark.parametrize("window_ms", [-1, 240 * MINUTE_MS + 1])
def test_a_window_that_cannot_be(tmp_path: Path, window_ms: int) -> None:
    with pytest.raises(CatalogueInvalid, match="window_seconds"):
        replay(write_own(tmp_path), window_ms=window_ms)


def test_open_data_under_a_media_type_of_the_engine(tmp_path: Path) -> None:
    path = write_shenzhen(tmp_path, metro_row(CARD, "09:00:00", "in", "孵化园"))
    mapping = FileMapping(medium_type="tianfutong", stations={"孵化园": "FHY"})
    assert replay(path, mapping=mapping).outcomes == {"entered": 1}
