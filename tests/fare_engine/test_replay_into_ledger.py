"""Replays into the ledger of a data directory: the taps stay, and are taken once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from fare_engine.errors import DataDirectoryInUse, FileInvalid, SchemaVersionWrong
from fare_engine.interchange.formats import open_tap_file
from fare_engine.interchange.mapping import NO_MAPPING, FileMapping
from fare_engine.ledger import schema
from fare_engine.ledger.database import open_database, reading, writing
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.stores.published import raise_version
from fare_engine.opening import make_place, read_published
from fare_engine.replay.figures import Figures
from fare_engine.replay.run import Watch, replay_in_scratch, replay_into_ledger
from fare_engine.setup import initialise
from tests.fare_engine.interchange.tap_files import CARD, make_token, metro_row
from tests.fare_engine.replays import NOW_MS, own_row, tell_rejected, write_own, write_shenzhen

CROSSING = (
    own_row("FHY-A-01", "entry", "08:00:00"),
    own_row("FHY-C-02", "exit", "08:10:00"),
)


@pytest.fixture
def directory(tmp_path: Path) -> EmbeddedPlace:
    made = EmbeddedPlace(tmp_path / "data")
    initialise(made, now_ms=NOW_MS)
    return made


def replay(directory: EmbeddedPlace, path: Path, mapping: FileMapping = NO_MAPPING) -> Figures:
    with open_tap_file(path, mapping=mapping) as file:
        return replay_into_ledger(directory, file, make_token, now_ms=NOW_MS)


def count_taps(directory: EmbeddedPlace) -> int:
    database = open_database(directory.ledger_path)
    with reading(database) as connection:
        taps = len(connection.execute(select(schema.taps.c.row)).all())
    database.dispose()
    return taps


def test_taps_stay_and_a_second_replay_changes_nothing(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    path = write_own(tmp_path, *CROSSING)
    assert replay(directory, path).outcomes == {"entered": 1, "waived": 1}
    assert count_taps(directory) == 2
    again = replay(directory, path)
    assert (again.taps, again.same_station.pairs) == (0, 0)
    assert tell_rejected(again) == [
        "2 duplicate : the tap is in the ledger already",
        "3 duplicate : the tap is in the ledger already",
    ]
    assert count_taps(directory) == 2


def test_a_journey_may_begin_in_one_file_and_end_in_another(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    replay(directory, write_own(tmp_path, CROSSING[0]))
    figures = replay(directory, write_own(tmp_path, CROSSING[1]))
    assert figures.outcomes == {"waived": 1}
    assert "open" not in figures.count_entries()


def test_the_audit_says_that_taps_came_from_a_file(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    replay(directory, write_own(tmp_path, *CROSSING))
    database = open_database(directory.ledger_path)
    with reading(database) as connection:
        latest = connection.execute(
            select(schema.audit).order_by(schema.audit.c.entry.desc())
        ).first()
    database.dispose()
    assert latest is not None
    assert (latest.action, latest.subject) == ("taps.replayed", "taps.csv")
    assert latest.after == {"format": "own", "taps": 2}


def test_gates_that_the_catalogue_does_not_know_are_rejected(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    figures = replay(
        directory, write_own(tmp_path, own_row("NEW", "entry", "08:00:00", station="FHY"))
    )
    assert tell_rejected(figures) == ["2 malformed gate_id: there is no such gate"]
    assert count_taps(directory) == 0


def test_open_data_needs_a_mapping_and_then_is_decided_by_the_catalogue(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    path = write_shenzhen(
        tmp_path,
        metro_row(CARD, "09:00:00", "in", "孵化园", gate="1", day="2021-11-25"),
        metro_row(CARD, "09:10:00", "out", "孵化园站", gate="2", day="2021-11-25"),
        metro_row(CARD, "09:20:00", "in", "罗湖", gate="3", day="2021-11-25"),
    )
    with pytest.raises(FileInvalid, match="shenzhentong"):
        replay(directory, path)
    assert count_taps(directory) == 0
    mapping = FileMapping(
        medium_type="tianfutong",
        stations={"孵化园": "FHY"},
        gates={"1": "FHY-A-01", "2": "FHY-C-02"},
    )
    figures = replay(directory, path, mapping)
    assert figures.outcomes == {"entered": 1, "waived": 1}
    assert tell_rejected(figures) == ["4 malformed station: there is no such station"]


def test_a_directory_in_use_is_refused(directory: EmbeddedPlace, tmp_path: Path) -> None:
    path = write_own(tmp_path, *CROSSING)
    with directory.lock("serve"), pytest.raises(DataDirectoryInUse):
        replay(directory, path)


def test_a_scratch_replay_may_use_the_catalogue_of_a_directory_in_use(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    path = write_own(tmp_path, *CROSSING)
    with directory.lock("serve"), open_tap_file(path) as file:
        base = read_published(directory).catalogue
        figures = replay_in_scratch(file, make_token, now_ms=NOW_MS, base=base)
    assert figures.outcomes == {"entered": 1, "waived": 1}
    assert count_taps(directory) == 0


def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    directory = EmbeddedPlace(tmp_path / "data")
    directory.path.mkdir()
    directory.ledger_path.write_bytes(b"")
    with pytest.raises(SchemaVersionWrong):
        read_published(directory)


def test_a_replay_goes_on_when_something_is_published_beside_it(
    make_database: Callable[..., str], tmp_path: Path
) -> None:
    place = make_place(tmp_path / "data", make_database())
    initialise(place, now_ms=NOW_MS)
    database = place.open_database()

    def publish(_rows: int, _decided: int, _taps: int | None) -> None:
        with writing(database) as connection:
            raise_version(connection)

    with open_tap_file(write_own(tmp_path, *CROSSING), mapping=NO_MAPPING) as file:
        watch = Watch(on_progress=publish)
        figures = replay_into_ledger(place, file, make_token, now_ms=NOW_MS, watch=watch)
    assert figures.outcomes == {"entered": 1, "waived": 1}
    with reading(database) as connection:
        assert len(connection.execute(select(schema.taps.c.row)).all()) == 2
    database.dispose()
