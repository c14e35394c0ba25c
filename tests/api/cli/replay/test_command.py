"""`fare-engine replay`: what it prints, writes and answers as exit status."""

import csv
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.setup import initialise
from tests.commands import Command
from tests.fare_engine.interchange.tap_files import CARD, SHENZHEN_HEADER, metro_row, write_file
from tests.fare_engine.replays import own_row, write_own


@pytest.fixture
def replay(command: Command) -> Command:
    return partial(command, "replay")


@pytest.fixture
def crossing(tmp_path: Path) -> Path:
    """One waived crossing, a row that cannot be read, and one that stands there twice."""
    return write_own(
        tmp_path,
        own_row("FHY-A-01", "entry", "08:00:00"),
        own_row("FHY-C-02", "exit", "08:03:00"),
        own_row("FHY-C-02", "exit", "08:03:00"),
        own_row("FHY-C-02", "sideways", "08:03:00"),
    )


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return write_file(
        tmp_path / "day.csv.gz",
        SHENZHEN_HEADER,
        metro_row("AAB", "08:00:00", "in", "罗湖站", gate="1"),
        metro_row("AAB", "08:06:00", "out", "罗湖", gate="2"),
        metro_row("AAC", "08:06:00", "巴士", "74路"),
        metro_row("AAC", "08:06:00", "out", ""),
    )


def test_json_holds_the_fixed_fields(replay: Command, day: Path) -> None:
    document = replay(day, "--pilot", "all", "--json").json
    fixed = ("rows", "taps", "skipped", "outcomes", "reasons")
    assert {name: document[name] for name in fixed} == {
        "rows": 4,
        "taps": 2,
        "skipped": {"not_metro": 1, "blank_station": 1, "malformed": 0, "duplicate": 0},
        "outcomes": {"entered": 1, "waived": 1},
        "reasons": {"entry_opened": 1, "same_station_within_window": 1},
    }
    assert document["same_station"]["pairs"] == document["same_station"]["within_window"] == 1
    assert document["same_station"]["by_elapsed"][3] == {
        "up_to_minutes": 10,
        "pairs": 1,
        "waived": 1,
    }
    assert document["money"] == {
        "fare": 0,
        "fare_waived": 200,
        "incomplete_fare": 0,
        "currency": "CNY",
    }


def test_json_lists_rejected_rows(replay: Command, crossing: Path) -> None:
    rejected = replay(crossing, "--json").json["rejected"]
    assert rejected == {
        "count": 2,
        "rows": [
            {
                "line": 4,
                "reason": "duplicate",
                "column": None,
                "message": "repeats the tap of line 3",
            },
            {
                "line": 5,
                "reason": "malformed",
                "column": "direction",
                "message": "must be entry or exit",
            },
        ],
    }


def test_the_report_is_tables_without_json(replay: Command, crossing: Path) -> None:
    run = replay(crossing)
    assert run.status == 0
    lines = [" ".join(line.split()) for line in run.out.splitlines()]
    for line in (
        "4 rows, format own",
        "taps decided 2",
        "skipped: malformed 1",
        "waived same_station_within_window 1",
        "> 2, ≤ 5 min 1 1",
        "same-station fares waived 1.80",
        "5 malformed direction must be entry or exit",
    ):
        assert line in lines
    assert "4 rows read, 2 of 2 taps decided" not in run.out
    assert "4 rows read, 3 of 3 taps decided" in run.err


def test_pilot_and_window(replay: Command, day: Path) -> None:
    for options, waived in (
        ((), 0),
        (("--pilot", "configured"), 0),
        (("--pilot", "none"), 0),
        (("--pilot", "all"), 1),
        (("--pilot", "all", "--window-seconds", 360), 1),
        (("--pilot", "all", "--window-seconds", 359), 0),
    ):
        document = replay(day, *options, "--json").json
        assert document["outcomes"].get("waived", 0) == waived, options


def test_rejected_file_accounts_for_every_row(replay: Command, day: Path, tmp_path: Path) -> None:
    target = tmp_path / "rejected.csv"
    assert replay(day, "--rejected", target).status == 0
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["line_number", "reason", "column", "message"],
        ["4", "not_metro", "deal_type", "is no entry or exit of the metro"],
        ["5", "blank_station", "station", "is blank"],
    ]


def test_mapping(replay: Command, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('medium_type = "qr"\n[columns]\nmedium_id = "konto"\n', "utf-8")
    taps = write_file(
        tmp_path / "taps.txt",
        "gate_id;direction;konto;occurred_at",
        "FHY-A-01;entry;account-1;2021-11-25T08:00:00+08:00",
    )
    document = replay(taps, "--mapping", mapping, "--json").json
    assert document["outcomes"] == {"entered": 1}


def test_into_ledger_stores_the_taps_once(replay: Command, crossing: Path, tmp_path: Path) -> None:
    initialise(EmbeddedPlace(tmp_path / "data"), now_ms=1_800_000_000_000)
    options = ("--into-ledger", "--data-dir", tmp_path / "data", "--json")
    assert replay(crossing, *options).json["taps"] == 2
    data_dir = str(tmp_path / "data")
    again = replay(crossing, "--into-ledger", "--json", FARE_DATA_DIR=data_dir).json
    assert (again["taps"], again["skipped"]["duplicate"]) == (0, 3)
    # A scratch replay by the same catalogue knows nothing of them.
    scratch = replay(crossing, "--data-dir", tmp_path / "data", "--json").json
    assert (scratch["taps"], scratch["into_ledger"]) == (2, False)


def test_failures_are_one_line_and_status_1(
    replay: Command, crossing: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    for arguments in (
        (tmp_path / "nowhere.csv",),
        (empty,),
        (crossing, "--format", "shenzhen"),
        (crossing, "--mapping", tmp_path / "nowhere.toml"),
        (crossing, "--data-dir", tmp_path / "nowhere"),
        (crossing, "--into-ledger", "--data-dir", tmp_path / "nowhere"),
        (crossing, "--rejected", tmp_path / "no" / "where.csv"),
        (crossing, "--window-seconds", 100_000),
    ):
        run = replay(*arguments)
        assert run.status == 1, arguments
        assert run.out == ""
        errors = [line for line in run.err.splitlines() if "rows read" not in line]
        assert len(errors) == 1, errors
        assert errors[0].startswith("fare-engine: ")


def test_wrong_usage_is_status_2(replay: Command, crossing: Path) -> None:
    for arguments in (
        (),
        (crossing, "--format", "tides"),
        (crossing, "--pilot", "some"),
        (crossing, "--window-seconds", 0),
        (crossing, "--pilot", "none", "--window-seconds", 60),
        (crossing, "--into-ledger", "--pilot", "all"),
        (crossing, "--into-ledger", "--window-seconds", 60),
        (crossing, "--rejected", crossing),
    ):
        run = replay(*arguments)
        assert run.status == 2, arguments
        assert run.err


def test_no_card_is_printed_or_written(replay: Command, tmp_path: Path) -> None:
    shifted = f"x,FHY-A-01,,entry,{CARD},tianfutong,2021-11-25T08:00:00+08:00,"
    taps = write_own(
        tmp_path,
        own_row("FHY-A-01", "entry", "08:00:00"),
        own_row(CARD, "entry", "08:00:00"),
        own_row("FHY-A-01", "entry", "08:00:00", station=CARD),
        own_row("FHY-A-01", CARD, "08:00:00"),
        own_row("FHY-A-01", "entry", "08:00:00", card=f"{CARD}号"),
        shifted,
        f'"{CARD}',
    )
    target = tmp_path / "rejected.csv"
    for options in ((), ("--json",)):
        run = replay(taps, "--rejected", target, *options)
        assert run.status == 0
        assert CARD not in run.out + run.err + target.read_text("utf-8")


def test_the_installed_command(crossing: Path) -> None:
    command = Path(sys.executable).with_name("fare-engine")
    done = subprocess.run(
        [command, "replay", crossing, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == {"entered": 1, "waived": 1}
