"""The recorded Shenzhen taps, replayed, and counted again by hand.

The file is not part of the project: FARE_SHENZHEN_TAPS names it. `docs/recorded-taps.md` explains
the figures that stand here.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.recorded.recount import Recount

pytestmark = [pytest.mark.recorded, pytest.mark.slow]


@pytest.fixture(scope="module")
def taps_file() -> Path:
    named = os.environ.get("FARE_SHENZHEN_TAPS")
    assert named, "FARE_SHENZHEN_TAPS must name the recorded taps"
    path = Path(named)
    assert path.is_file(), f"there are no recorded taps at {path} (FARE_SHENZHEN_TAPS)"
    return path


def run_replay(path: Path, *options: str) -> dict[str, Any]:
    command = Path(sys.executable).with_name("fare-engine")
    done = subprocess.run(
        [command, "replay", path, "--json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def everywhere(taps_file: Path) -> dict[str, Any]:
    """The replay with a pilot at every station."""
    return run_replay(taps_file, "--pilot", "all")


@pytest.fixture(scope="module")
def recount(taps_file: Path) -> Recount:
    """The same day counted again without the engine."""
    return Recount(taps_file)


def test_every_row_is_accounted_for(everywhere: dict[str, Any], recount: Recount) -> None:
    skipped = everywhere["skipped"]
    assert everywhere["rows"] == recount.rows == 37_000
    assert skipped == {"not_metro": 18_119, "blank_station": 1_535, "malformed": 0, "duplicate": 0}
    assert Counter(skipped) == recount.skipped
    assert everywhere["taps"] == recount.taps == 17_346
    # 18,881 rows of the metro, those without a station among them.
    assert everywhere["taps"] + skipped["blank_station"] == 18_881
    assert everywhere["taps"] + sum(skipped.values()) == everywhere["rows"]


def test_decisions_agree_with_a_recount_by_card(
    everywhere: dict[str, Any], recount: Recount
) -> None:
    assert Counter(everywhere["reasons"]) == recount.reasons
    assert everywhere["reasons"] == {
        "entry_opened": 8_875,
        "entry_repeated": 2,
        "entry_superseded": 6,
        "same_station_within_window": 24,
        "different_station": 388,
        "no_open_entry": 8_051,
    }
    assert everywhere["outcomes"] == {
        "entered": 8_883,
        "waived": 24,
        "charged": 388,
        "unmatched": 8_051,
    }


def test_same_station_pairs_agree_by_elapsed_time(
    everywhere: dict[str, Any], recount: Recount
) -> None:
    crossings = everywhere["same_station"]
    assert crossings["pairs"] == crossings["within_window"] == len(recount.waived_after_s) == 24
    lower_s = -1.0
    for stretch in crossings["by_elapsed"]:
        upper_s = 60 * (stretch["up_to_minutes"] or 10**6)
        counted = sum(lower_s < seconds <= upper_s for seconds in recount.waived_after_s)
        assert stretch["pairs"] == stretch["waived"] == counted
        lower_s = upper_s
    assert [stretch["pairs"] for stretch in crossings["by_elapsed"]] == [6, 4, 11, 3, 0, 0, 0, 0]


def test_money_agrees(everywhere: dict[str, Any], recount: Recount) -> None:
    money = everywhere["money"]
    assert money["fare"] == recount.charged_fen == 87_400
    assert money["fare_waived"] == 200 * len(recount.waived_after_s) == 4_800


def test_entries_agree(everywhere: dict[str, Any], recount: Recount) -> None:
    entries = everywhere["entries"]
    assert entries["open"] == recount.still_open == 8_463
    assert entries == {
        "consumed": 412,
        "replaced": 2,
        "superseded": 6,
        "expired": 0,
        "open": 8_463,
    }


def test_why_exits_find_no_entry(recount: Recount) -> None:
    """Nearly always the recording holds no earlier tap of the card at all."""
    assert recount.unmatched_first_taps == 8_047
    assert recount.unmatched_after_blank_entry == 39


@pytest.mark.parametrize("pilot", ["none", "configured"])
def test_without_pilots_the_same_pairs_are_charged_their_listed_fare(
    taps_file: Path, everywhere: dict[str, Any], pilot: str
) -> None:
    charged = run_replay(taps_file, "--pilot", pilot)
    assert charged["reasons"] == {
        "station_not_in_pilot" if reason == "same_station_within_window" else reason: count
        for reason, count in everywhere["reasons"].items()
    }
    assert charged["money"]["fare"] == 92_200
    assert charged["same_station"]["within_window"] == 24


def test_columns_in_another_order_and_as_parquet(
    taps_file: Path, everywhere: dict[str, Any], tmp_path: Path
) -> None:

    frame = pl.read_csv(taps_file, infer_schema=False)
    reordered = frame.select(reversed(frame.columns))
    reordered.write_csv(tmp_path / "day.csv", null_value="")
    reordered.write_parquet(tmp_path / "day.parquet")
    unlike = ("unused_columns",)
    for name in ("day.csv", "day.parquet"):
        document = run_replay(tmp_path / name, "--pilot", "all")
        for field_name in everywhere.keys() - unlike:
            assert document[field_name] == everywhere[field_name], (name, field_name)


def test_no_card_leaves_the_reader(taps_file: Path, tmp_path: Path) -> None:
    rejected = tmp_path / "rejected.csv"
    document = run_replay(taps_file, "--rejected", str(rejected))
    with gzip.open(taps_file, "rt", encoding="utf-8", newline="") as stream:
        cards = {row["card_no"] for row in csv.DictReader(stream)}
    written = rejected.read_text("utf-8") + json.dumps(document)
    words = set(written.replace('"', ",").replace("\n", ",").split(","))
    assert not cards & words
    assert len(rejected.read_text("utf-8").splitlines()) == 1 + 37_000 - 17_346
