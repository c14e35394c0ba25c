"""Parquet files, read as any other table."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fare_engine.errors import FileInvalid
from fare_engine.interchange import parquet_table
from tests.fare_engine.interchange.tap_files import (
    CARD,
    OWN_HEADER,
    SHENZHEN_HEADER,
    format_skipped,
    list_taps,
    metro_row,
    read_rows,
    write_file,
)

MOMENT = datetime(2021, 11, 24, 0, 15, 30, 120_000, tzinfo=UTC)


def own_frame(**columns: object) -> pl.DataFrame:
    content = {
        "gate_id": ["FHY-A-01", "FHY-A-02"],
        "direction": ["entry", "exit"],
        "medium_type": ["tianfutong", "tianfutong"],
        "medium_id": [CARD, CARD],
        "occurred_at": [MOMENT, MOMENT],
        **columns,
    }
    return pl.DataFrame(content)


def test_the_same_taps_as_from_csv(tmp_path: Path) -> None:
    frame = own_frame(listed_fare=[None, 350], tap_id=["a", None])
    frame.write_parquet(tmp_path / "taps.parquet")
    rows = (
        f"a,FHY-A-01,,entry,tianfutong,{CARD},2021-11-24T08:15:30.120+08:00,",
        f",FHY-A-02,,exit,tianfutong,{CARD},2021-11-24T08:15:30.120+08:00,350",
    )
    path = write_file(tmp_path / "taps.csv", OWN_HEADER, *rows)
    taps = list_taps(read_rows(tmp_path / "taps.parquet"))
    # Rows of Parquet count from 1, lines of CSV begin with the header.
    assert [tap._replace(line_number=tap.line_number + 1) for tap in taps] == read_rows(path)


def test_times_as_text_and_times_in_other_zones(tmp_path: Path) -> None:
    for column in (
        pl.Series(["2021-11-24T08:15:30.120+08:00"] * 2),
        pl.Series([MOMENT] * 2).dt.convert_time_zone("Asia/Shanghai"),
        pl.Series([MOMENT] * 2).dt.cast_time_unit("ns"),
    ):
        own_frame(occurred_at=column).write_parquet(tmp_path / "taps.parquet")
        taps = list_taps(read_rows(tmp_path / "taps.parquet"))
        assert [tap.occurred_at_ms for tap in taps] == [1_637_712_930_120] * 2


def test_times_without_a_zone_are_refused_row_by_row(tmp_path: Path) -> None:
    own_frame(occurred_at=[MOMENT.replace(tzinfo=None)] * 2).write_parquet(tmp_path / "t.parquet")
    assert list(format_skipped(read_rows(tmp_path / "t.parquet"))) == [
        "1 malformed occurred_at",
        "2 malformed occurred_at",
    ]


def test_tokens_in_bytes(tmp_path: Path) -> None:
    frame = own_frame(token=[b"\x0f" * 16] * 2).drop("medium_id")
    frame.write_parquet(tmp_path / "taps.parquet")
    assert [tap.token for tap in list_taps(read_rows(tmp_path / "taps.parquet"))] == [
        b"\x0f" * 16
    ] * 2


def test_columns_of_lists_are_no_hindrance(tmp_path: Path) -> None:
    own_frame(tags=[["a"], []]).write_parquet(tmp_path / "taps.parquet")
    assert len(list_taps(read_rows(tmp_path / "taps.parquet"))) == 2


def test_open_data_with_real_times(tmp_path: Path) -> None:
    names = SHENZHEN_HEADER.split(",")
    row = metro_row("AAB", "08:00:01", "out", "罗湖").split(",")
    frame = pl.DataFrame({name: [value] for name, value in zip(names, row, strict=True)})
    frame = frame.with_columns(
        pl.col("deal_date").str.to_datetime(), pl.col("deal_value", "equ_no").cast(pl.Int64)
    )
    frame.write_parquet(tmp_path / "day.parquet")
    (tap,) = list_taps(read_rows(tmp_path / "day.parquet"))
    assert (tap.occurred_at_ms, tap.listed_fare) == (1_535_760_001_000, 200)


def test_chunks_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_table, "CHUNK_ROWS", 2)
    for count in (0, 1, 2, 5):
        pl.concat([own_frame()] * 3).head(count).write_parquet(tmp_path / "taps.parquet")
        numbers = [tap.line_number for tap in list_taps(read_rows(tmp_path / "taps.parquet"))]
        assert numbers == list(range(1, count + 1))


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "taps.parquet"
    own_frame().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileInvalid, match=r"taps\.parquet: "):
        read_rows(path)


def test_missing_columns(tmp_path: Path) -> None:
    own_frame().drop("gate_id").write_parquet(tmp_path / "taps.parquet")
    with pytest.raises(FileInvalid, match="its schema: missing column gate_id"):
        read_rows(tmp_path / "taps.parquet")
