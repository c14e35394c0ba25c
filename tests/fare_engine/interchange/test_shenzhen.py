"""Shenzhen's open data, on invented rows; tests/recorded reads the real ones."""

from datetime import datetime
from pathlib import Path

import pytest

from fare_engine.calendar import to_ms
from fare_engine.errors import FileInvalid
from fare_engine.interchange.mapping import FileMapping
from fare_engine.interchange.shenzhen import MEDIUM, station_name
from fare_engine.network import Direction
from tests.fare_engine.interchange.tap_files import (
    SHENZHEN_HEADER,
    format_skipped,
    list_skipped,
    list_taps,
    metro_row,
    read_rows,
    write_file,
)


def test_metro_rows_become_taps(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "day.csv.gz",
        SHENZHEN_HEADER,
        metro_row("AAB", "08:00:01", "in", "购物公园站", gate="268001101", value="0"),
        metro_row("AAB", "08:20:00", "out", "购物公园", gate="261001102", value="300"),
    )
    entry, leaving = list_taps(read_rows(path))
    assert entry.occurred_at_ms == to_ms(datetime.fromisoformat("2018-09-01T08:00:01+08:00"))
    assert (entry.direction, leaving.direction) == (Direction.ENTRY, Direction.EXIT)
    assert (entry.gate_id, leaving.gate_id) == ("268001101", "261001102")
    assert entry.station_id == leaving.station_id == "购物公园"
    assert (entry.listed_fare, leaving.listed_fare) == (None, 300)
    assert entry.medium_type == MEDIUM.code
    assert entry.token == leaving.token
    assert entry.tap_id is None


def test_columns_in_another_order(tmp_path: Path) -> None:
    names = SHENZHEN_HEADER.split(",")
    row = metro_row("AAB", "08:00:01", "in", "罗湖").split(",")
    path = write_file(tmp_path / "day.txt", "\t".join(reversed(names)), "\t".join(reversed(row)))
    (tap,) = list_taps(read_rows(path))
    assert (tap.station_id, tap.gate_id) == ("罗湖", "260001101")


def test_every_other_row_is_skipped_with_its_reason(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "day.csv",
        SHENZHEN_HEADER,
        metro_row("AAB", "08:00:01", "巴士", "74路"),
        metro_row("AAB", "08:00:01", "", ""),
        metro_row("AAB", "08:00:01", "in", ""),
        metro_row("AAB", "08:00:01", "out", "  "),
        metro_row("", "08:00:01", "in", "罗湖"),
        metro_row("AAB", "8:00", "in", "罗湖"),
        metro_row("AAB", "08:00:01", "in", "罗湖", gate=""),
        metro_row("AAB", "08:00:01", "out", "罗湖", value=""),
        metro_row("AAB", "08:00:01", "out", "罗湖", value="2元"),
        "AAB,2018-09-01 08:00:01",
    )
    assert list(format_skipped(read_rows(path))) == [
        "2 not_metro deal_type",
        "3 not_metro deal_type",
        "4 blank_station station",
        "5 blank_station station",
        "6 malformed card_no",
        "7 malformed deal_date",
        "8 malformed equ_no",
        "9 malformed deal_value",
        "10 malformed deal_value",
        "11 malformed",
    ]


def test_the_listed_fare_of_an_entry_is_not_read(tmp_path: Path) -> None:
    row = metro_row("AAB", "08:00:01", "in", "罗湖").replace(",0,0,", ",,,")
    (tap,) = list_taps(read_rows(write_file(tmp_path / "day.csv", SHENZHEN_HEADER, row)))
    assert tap.listed_fare is None


@pytest.mark.parametrize(
    ("text", "name"), [("深圳北站", "深圳北"), (" 罗湖 ", "罗湖"), ("站", "站"), (" ", "")]
)
def test_station_names(text: str, name: str) -> None:
    assert station_name(text) == name


def test_mapping(tmp_path: Path) -> None:
    mapping = FileMapping(
        medium_type="tianfutong",
        columns={"card_no": "卡号"},
        stations={"孵化园站": "FHY"},
        gates={"263027121": "FHY-A-01"},
    )
    path = write_file(
        tmp_path / "day.csv",
        SHENZHEN_HEADER.replace("card_no", "卡号"),
        metro_row("3104870512", "08:00:01", "in", "孵化园", gate="263027121"),
        metro_row("3104870512", "08:00:01", "in", "孵化园站", gate="263027122"),
        metro_row("AAB", "08:00:01", "in", "孵化园"),
    )
    rows = read_rows(path, mapping)
    assert [(tap.station_id, tap.gate_id, tap.medium_type) for tap in list_taps(rows)] == [
        ("FHY", "FHY-A-01", "tianfutong"),
        ("FHY", "263027122", "tianfutong"),
    ]
    (skipped,) = list_skipped(rows)
    assert (skipped.column, skipped.message) == (
        "card_no",
        "does not fit the pattern of tianfutong",
    )


def test_missing_columns(tmp_path: Path) -> None:
    path = write_file(tmp_path / "day.csv", SHENZHEN_HEADER.replace("equ_no", "machine"))
    with pytest.raises(FileInvalid, match=r"line 1: missing column equ_no; the file has card_no"):
        read_rows(path)
