"""Recognising the formats."""

import sys
from pathlib import Path

import pytest

from fare_engine.errors import ConfigurationError, FileInvalid
from fare_engine.interchange.formats import open_tap_file
from fare_engine.interchange.mapping import FileMapping
from tests.fare_engine.interchange.tap_files import (
    MEDIA,
    OWN_HEADER,
    SHENZHEN_HEADER,
    make_token,
    write_file,
)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (OWN_HEADER, "own"),
        (SHENZHEN_HEADER, "shenzhen"),
        (f"{OWN_HEADER},{SHENZHEN_HEADER}", "own"),
    ],
)
def test_the_format_is_recognised_by_its_columns(tmp_path: Path, header: str, name: str) -> None:
    with open_tap_file(write_file(tmp_path / "taps.csv", header)) as file:
        assert file.format_name == name
        assert list(file.list_rows(make_token, MEDIA)) == []


def test_a_format_may_be_named(tmp_path: Path) -> None:
    path = write_file(tmp_path / "taps.csv", f"{OWN_HEADER},{SHENZHEN_HEADER}")
    with open_tap_file(path, format_name="shenzhen") as file:
        assert file.format_name == "shenzhen"
    with open_tap_file(path, mapping=FileMapping(format_name="shenzhen")) as file:
        assert file.format_name == "shenzhen"
    with pytest.raises(FileInvalid, match="no format 'tides'; there are own, shenzhen"):
        open_tap_file(path, format_name="tides")


def test_a_named_format_must_fit(tmp_path: Path) -> None:
    path = write_file(tmp_path / "taps.csv", OWN_HEADER)
    with pytest.raises(FileInvalid, match="missing column card_no"):
        open_tap_file(path, format_name="shenzhen")


def test_a_column_that_stands_there_twice(tmp_path: Path) -> None:
    path = write_file(tmp_path / "taps.csv", f"{OWN_HEADER},Gate_ID")
    with pytest.raises(FileInvalid, match="column 'Gate_ID' stands there twice"):
        open_tap_file(path)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    with open_tap_file(write_file(tmp_path / "taps.csv", f"{OWN_HEADER},weather")) as file:
        list(file.list_rows(make_token, MEDIA))
        assert file.unused_columns == ["weather"]


def test_parquet_without_polars_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "taps.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.delitem(sys.modules, "fare_engine.interchange.parquet_table", raising=False)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigurationError, match=r"fare-engine\[parquet\]"):
        open_tap_file(path)
