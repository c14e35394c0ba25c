"""The engine's own columns."""

from pathlib import Path

import pytest

from fare_engine.errors import FileInvalid
from fare_engine.interchange.mapping import FileMapping
from fare_engine.interchange.rows import FileTap
from fare_engine.network import Direction
from tests.fare_engine.interchange.tap_files import (
    CARD,
    OWN_HEADER,
    format_skipped,
    list_skipped,
    list_taps,
    make_token,
    read_rows,
    write_file,
)

AT = "2021-11-24T08:15:30.120+08:00"
AT_MS = 1_637_712_930_120
GOOD = f"t-1,FHY-A-01,FHY,entry,tianfutong,{CARD},{AT},"


def test_a_row_becomes_a_tap(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "taps.csv",
        OWN_HEADER,
        GOOD,
        f" , FHY-A-02,, exit,qr, account7 , {AT} ,350",
    )
    assert read_rows(path) == [
        FileTap(
            AT_MS,
            2,
            "FHY-A-01",
            "FHY",
            Direction.ENTRY,
            "tianfutong",
            make_token("tianfutong", CARD),
            "t-1",
            None,
        ),
        FileTap(
            AT_MS,
            3,
            "FHY-A-02",
            None,
            Direction.EXIT,
            "qr",
            make_token("qr", "account7"),
            None,
            350,
        ),
    ]


def test_columns_in_any_order_with_others_between(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "taps.csv.gz",
        "Occurred_At , weather,medium_id,medium_type,direction,gate_id",
        f"{AT},rain,{CARD},tianfutong,entry,FHY-A-01",
    )
    (tap,) = list_taps(read_rows(path))
    assert (tap.occurred_at_ms, tap.gate_id, tap.tap_id) == (AT_MS, "FHY-A-01", None)


def test_token_in_place_of_the_medium(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "taps.csv",
        "gate_id,direction,medium_type,token,occurred_at",
        f"FHY-A-01,entry,qr,{'0f' * 16},{AT}",
        f"FHY-A-01,entry,qr,{'0f' * 15},{AT}",
        f"FHY-A-01,entry,qr,,{AT}",
    )
    rows = read_rows(path)
    assert [tap.token for tap in list_taps(rows)] == [b"\x0f" * 16]
    assert list(format_skipped(rows)) == ["3 malformed token", "4 malformed medium_id"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (f"t-1,,FHY,entry,tianfutong,{CARD},{AT},", "gate_id"),
        (f"t-1,FHY-A-01,FHY,in,tianfutong,{CARD},{AT},", "direction"),
        (f"t-1,FHY-A-01,FHY,entry,{CARD},tianfutong,{AT},", "medium_type"),
        (f"t-1,FHY-A-01,FHY,entry,tianfutong,{CARD}X,{AT},", "medium_id"),
        (f"t-1,FHY-A-01,FHY,entry,tianfutong,,{AT},", "medium_id"),
        (f"t-1,FHY-A-01,FHY,entry,tianfutong,{CARD},2021-11-24 08:15:30,", "occurred_at"),
        (f"t-1,FHY-A-01,FHY,entry,tianfutong,{CARD},{CARD},", "occurred_at"),
        (f"{CARD}号,FHY-A-01,FHY,entry,tianfutong,{CARD},{AT},", "tap_id"),
        (f"{'t' * 65},FHY-A-01,FHY,entry,tianfutong,{CARD},{AT},", "tap_id"),
        (f"t-1,FHY-A-01,FHY,exit,tianfutong,{CARD},{AT},-1", "listed_fare"),
        (f"t-1,FHY-A-01,FHY,exit,tianfutong,{CARD},{AT},2.5", "listed_fare"),
        (f"t-1,FHY-A-01,FHY,exit,tianfutong,{CARD},{AT},{CARD}", "listed_fare"),
        (f"t-1,FHY-A-01,FHY,exit,tianfutong,{CARD},{AT},1000001", "listed_fare"),
    ],
)
def test_a_bad_row_names_its_column_and_no_card(tmp_path: Path, row: str, column: str) -> None:
    rows = read_rows(write_file(tmp_path / "taps.csv", OWN_HEADER, GOOD, row, GOOD))
    assert [tap.line_number for tap in list_taps(rows)] == [2, 4]
    (skipped,) = list_skipped(rows)
    assert (skipped.line_number, skipped.reason, skipped.column) == (3, "malformed", column)
    assert skipped.message
    assert CARD not in skipped.message


def test_mapping(tmp_path: Path) -> None:
    mapping = FileMapping(
        medium_type="qr",
        columns={"gate_id": "闸机", "medium_id": "账户"},
        directions={"进": Direction.ENTRY, "出": Direction.EXIT},
        stations={"孵化园": "FHY"},
        gates={"7": "FHY-A-01"},
    )
    path = write_file(
        tmp_path / "taps.csv",
        "闸机,账户,direction,occurred_at,station_id",
        f"7,anna,进,{AT},孵化园",
        f"8,anna,出,{AT},JRC",
        f"8,anna,exit,{AT},JRC",
    )
    rows = read_rows(path, mapping)
    assert [(tap.gate_id, tap.station_id, tap.direction) for tap in list_taps(rows)] == [
        ("FHY-A-01", "FHY", Direction.ENTRY),
        ("8", "JRC", Direction.EXIT),
    ]
    assert list(format_skipped(rows)) == ["4 malformed direction"]
    assert {tap.medium_type for tap in list_taps(rows)} == {"qr"}


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    path = write_file(tmp_path / "taps.csv", "gate_id,direction,when", "x,y,z")
    with pytest.raises(FileInvalid, match=r"line 1: missing column occurred_at, medium_type, med"):
        read_rows(path)
    with pytest.raises(FileInvalid, match=r"missing column 时间 \(for occurred_at\)"):
        read_rows(path, FileMapping(columns={"occurred_at": "时间"}))


def test_a_medium_type_of_the_mapping_must_be_known(tmp_path: Path) -> None:
    path = write_file(tmp_path / "taps.csv", OWN_HEADER, GOOD)
    with pytest.raises(FileInvalid, match="type 'bus'"):
        read_rows(path, FileMapping(medium_type="bus"))
