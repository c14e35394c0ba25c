"""What `replay` says of files that are no files of taps, or come through a pipe."""

import gzip
import os
import subprocess
import threading
from pathlib import Path

import pytest

from tests.commands import Command
from tests.server_process import FARE_ENGINE, make_environment

HEADER = "gate_id,direction,occurred_at,medium_type,medium_id\n"
ROW = "FHY-A-01,entry,2026-11-26T08:00:00+08:00,tianfutong,3104870512340001\n"
CARD = "3104870512340001"


def write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "taps.csv"
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [
        ROW * 2,
        f"FHY-A-01,{CARD},entry,{CARD}\n",
        f"{CARD}\n",
        f"gate_id,direction,{CARD},张三,medium_type,medium_id\n",
        f"gate_id;direction;3104 8705 1234 0001\n{ROW}",
        f"card_no,{CARD},{CARD}\n",
        "\t".join([CARD, "13800138000", "entry"]) + "\n",
    ],
)
def test_the_first_row_of_a_file_without_a_header_is_not_shown(
    tmp_path: Path, content: str, command: Command
) -> None:
    run = command("replay", write(tmp_path, content))
    assert run.status == 1
    output = run.out + run.err
    for secret in (CARD, "3104 8705 1234 0001", "13800138000"):
        assert secret not in output
    assert "column" in run.err


def test_what_a_header_has_is_shown(tmp_path: Path, command: Command) -> None:
    run = command("replay", write(tmp_path, f"gate_id,way,occurred_at\n{ROW}"))
    assert "missing column direction" in run.err
    assert "the file has gate_id, way, occurred_at" in run.err


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ("FHY-A-01,entry,2026-11-26T08:00:00+08:00,tianfutong,3.10487E+15\n", 1),
        ("NOPE,entry,2026-11-26T08:00:00+08:00,tianfutong,3104870512340001\n", 1),
        (ROW, 0),
        (ROW + "FHY-A-01,up,2026-11-26T08:00:00+08:00,tianfutong,3104870512340001\n", 0),
    ],
)
def test_a_file_of_which_no_row_is_a_tap_has_failed(
    tmp_path: Path, row: str, status: int, command: Command
) -> None:
    run = command("replay", write(tmp_path, HEADER + row), "--json")
    assert run.status == status, run.err
    assert ("no row of it is a tap" in run.err) == bool(status)
    assert run.out.startswith("{"), "the figures are printed all the same"


@pytest.mark.parametrize("content", [HEADER, HEADER.rstrip(), HEADER + "\n\n"])
def test_a_file_without_rows_says_so(tmp_path: Path, content: str, command: Command) -> None:
    run = command("replay", write(tmp_path, content))
    assert run.status == 0
    assert "has a header and no rows" in run.err


@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_through_a_pipe_loses_nothing(name: str, zipped: bool) -> None:
    content = (HEADER + ROW * 3).encode()
    run = subprocess.run(
        [FARE_ENGINE, "replay", name],
        input=gzip.compress(content) if zipped else content,
        env=make_environment({}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert b"3 rows, format own" in run.stdout


def test_a_pipe_may_bring_its_bytes_one_by_one(tmp_path: Path, command: Command) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed() -> None:
        with pipe.open("wb", buffering=0) as stream:
            for byte in gzip.compress((HEADER + ROW).encode()):
                stream.write(bytes([byte]))

    feeding = threading.Thread(target=feed)
    feeding.start()
    run = command("replay", pipe)
    feeding.join()
    assert run.status == 0, run.err
    assert "1 rows, format own" in run.out


def test_a_parquet_file_through_a_pipe_is_refused_for_the_true_reason(tmp_path: Path) -> None:
    run = subprocess.run(
        [FARE_ENGINE, "replay", "-"],
        input=b"PAR1" + bytes(100),
        env=make_environment({}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 1
    assert b"pipe" in run.stderr
