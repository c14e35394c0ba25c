"""Mappings: what an operator says about a file, and what is wrong with it."""

from pathlib import Path

import pytest

from fare_engine.errors import FileInvalid
from fare_engine.interchange.mapping import FileMapping, read_mapping
from fare_engine.network import Direction


def write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(content, "utf-8")
    return path


def test_all_of_it(tmp_path: Path) -> None:
    mapping = read_mapping(
        write(
            tmp_path,
            """
            format = "shenzhen"
            encoding = "gb18030"
            delimiter = ";"
            medium_type = "tianfutong"
            [columns]
            card_no = "卡号"
            [directions]
            entry = ["进站", "补进"]
            exit = ["出站"]
            [stations]
            "孵化园站" = "FHY"
            [gates]
            "263027121" = "FHY-A-01"
            """,
        )
    )
    assert mapping == FileMapping(
        "shenzhen",
        "gb18030",
        ";",
        "tianfutong",
        {"card_no": "卡号"},
        {"进站": Direction.ENTRY, "补进": Direction.ENTRY, "出站": Direction.EXIT},
        {"孵化园站": "FHY"},
        {"263027121": "FHY-A-01"},
    )


def test_nothing_of_it(tmp_path: Path) -> None:
    assert read_mapping(write(tmp_path, "")) == FileMapping()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("format", "is not TOML"),
        ('colums = {card_no = "x"}', "colums: unknown field"),
        ("[columns]\ncard_no = 3", "columns.card_no: must be text"),
        ('[gates]\n"1" = ""', "gates.1: must not be empty"),
        ("stations = 3", "stations: must be a table"),
        ('encoding = "utf-17"', "encoding: 'utf-17'"),
        ('encoding = "utf-16"', "encoding: 'utf-16'"),
        ('encoding = "base64"', "encoding: 'base64'"),
        ('delimiter = ",,"', "delimiter: must be one character"),
        ('[directions]\nentry = ["x"]\nexit = ["x"]', "directions.exit: 'x' stands for"),
        ('[directions]\nentry = ["x"]', "directions.exit: missing"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, content: str, words: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(FileInvalid) as error:
        read_mapping(path)
    assert f"{path}: " in str(error.value)
    assert words in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match="cannot be read"):
        read_mapping(tmp_path / "nowhere.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# \xb5")
    with pytest.raises(FileInvalid, match="byte 3"):
        read_mapping(path)
