"""Text tables: what is wrong with a file is reported with its place, and spoils nothing else."""

import gzip
from pathlib import Path

import pytest

from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import RawRow, SkippedRow
from fare_engine.interchange.text_table import LINE_BYTES_MAX, TextTable


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "taps.csv"
    path.write_bytes(content)
    return path


def read(path: Path, encoding: str = "utf-8") -> list[RawRow]:
    table = TextTable(path, encoding=encoding)
    try:
        return list(table.list_rows())
    finally:
        table.close()


def assert_invalid(path: Path, *words: str) -> None:
    with pytest.raises(FileInvalid) as error:
        read(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_rows_come_with_the_numbers_of_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n1,2\n\n3,4\n   \n5,6")
    assert read(path) == [(2, ["1", "2"]), (4, ["3", "4"]), (6, ["5", "6"])]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiter_is_recognised_in_the_header(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, f"a{delimiter}b\n1{delimiter}2,5\n".encode())
    table = TextTable(path)
    table.close()
    assert table.columns == ["a", "b"]


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    table = TextTable(path)
    assert table.columns == ["a", "b"]
    assert list(table.list_rows()) == [(2, ["1", "2"])]
    table.close()


def test_quoted_fields(tmp_path: Path) -> None:
    path = write(tmp_path, b'"a","b"\n"1,5","say ""x"""\n')
    assert read(path) == [(2, ["1,5", 'say "x"'])]


@pytest.mark.parametrize(
    "bad",
    [b"1", b"1,2,3", b'1,"2', b'1,"2"x', b"1,\0", b"1,\xff\xfe", b"1," + b"x" * LINE_BYTES_MAX],
)
def test_a_bad_row_is_one_row(tmp_path: Path, bad: bytes) -> None:
    rows = read(write(tmp_path, b"a,b\n1,2\n" + bad + b"\n5,6\n"))
    assert rows[0] == (2, ["1", "2"])
    assert isinstance(rows[1], SkippedRow)
    assert rows[1].line_number == 3
    assert rows[2] == (4, ["5", "6"])


def test_a_line_of_many_pieces_is_read_in_little_memory(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"a,b\n" + b"x" * 10 * LINE_BYTES_MAX + b"\n5,6\n"))
    assert [row[0] for row in rows] == [2, 3]


def test_bytes_that_are_no_text_are_reported_by_their_place(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"a,b\n1,2\n12,\xb5\n"))
    assert isinstance(rows[1], SkippedRow)
    assert rows[1].message == "is not utf-8 text (byte 4 of the line)"


@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_a_file_in_another_encoding_is_one_fault(tmp_path: Path, rows: int) -> None:
    path = write(tmp_path, b"a,b\n" + "1,地铁\n".encode("gb18030") * rows)
    assert_invalid(path, "line 2", "byte 3", "gb18030")
    assert read(path, "gb18030")[0] == (2, ["1", "地铁"])


def test_a_first_row_that_is_no_text_is_one_row_where_others_are(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"a,b\n1,\xb5\n1,\xb5\n5,6\n"))
    assert [row[0] for row in rows] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n1,2\n", "line 1: must name the columns"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        (b"a,\0b\n", "line 1: holds a NUL byte"),
        (b"a,\xb5\n", "line 1: is not utf-8 text (byte 3"),
        (b'a,"b\n', "line 1: is not quoted"),
        (b"a,b\r1,2\r", "CR alone"),
        (b"x" * (LINE_BYTES_MAX + 1), "line 1: is longer"),
    ],
)
def test_header_faults(tmp_path: Path, content: bytes, words: str) -> None:
    assert_invalid(write(tmp_path, content), words)


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    assert read(write(tmp_path, gzip.compress(b"a,b\n1,2\n"))) == [(2, ["1", "2"])]


def test_gzip_that_is_cut_off(tmp_path: Path) -> None:
    lines = b"".join(b"%d,%d\n" % (number, number * 7919 % 10007) for number in range(20_000))
    zipped = gzip.compress(b"a,b\n" + lines)
    assert_invalid(write(tmp_path, zipped[: len(zipped) // 2]), "cut off after line")


def test_gzip_that_is_damaged(tmp_path: Path) -> None:
    lines = b"".join(b"%d,%d\n" % (number, number * 7919 % 10007) for number in range(20_000))
    zipped = bytearray(gzip.compress(b"a,b\n" + lines))
    zipped[-8] ^= 0xFF  # the checksum
    assert_invalid(write(tmp_path, bytes(zipped)), "damaged after line")
    zipped[len(zipped) // 2 : len(zipped) // 2 + 50] = b"\xff" * 50
    assert_invalid(write(tmp_path, bytes(zipped)), "after line")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert_invalid(tmp_path / "nowhere.csv", "No such file")
    assert_invalid(tmp_path, "directory")
