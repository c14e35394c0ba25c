"""A ledger that lost what was acknowledged is not opened, and nothing is said of a legal end.

The losses are made on copies of a ledger whose process was cut off: a real log, with its index.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fare_engine.errors import ConfigurationError, LedgerIncomplete, LedgerUnavailable
from fare_engine.ledger.sqlite.log_file import find_log_index
from fare_engine.ledger.sqlite.loss import check_whole, find_loss
from fare_engine.ledger.sqlite.reach import name_reach

ROOT = Path(__file__).parents[4]
PAGE = 4_096
FRAME = 24 + PAGE
HEADER = 32

CUT_OFF = """
import os, sqlite3, sys
from pathlib import Path
from fare_engine.ledger.sqlite.reach import Reach, Reached, name_reach

path, folds = Path(sys.argv[1]), sys.argv[2]
ledger = sqlite3.connect(path, isolation_level=None)
for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
    ledger.execute(f"PRAGMA {pragma}")
ledger.execute("CREATE TABLE taps (row INTEGER PRIMARY KEY, content)")
ledger.execute("CREATE TABLE ledger_marks (name PRIMARY KEY, value)")
ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
ledger.execute("INSERT INTO ledger_marks VALUES ('starts', 1)")
reach = Reach(name_reach(path), Reached(1, 0))
for row in range(1, 61):
    ledger.execute("INSERT INTO taps (content) VALUES (?)", ("x" * 3_000,))
    reach.committed(row)
    if row == 30 and folds != "never":
        ledger.execute(f"PRAGMA wal_checkpoint({folds})")
os._exit(9)
"""


def cut_off(path: Path, folds: str) -> Path:
    """A ledger of 60 taps; its process folded the log after 30, or never, and was killed."""
    path.parent.mkdir(parents=True)
    command = [sys.executable, "-c", CUT_OFF, str(path), folds]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    return path


@pytest.fixture(scope="module", params=["never", "PASSIVE", "TRUNCATE"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_off(tmp_path_factory.mktemp("original") / "data" / "ledger.sqlite3", request.param)


@pytest.fixture
def ledger(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original.parent, tmp_path / "data")
    return tmp_path / "data" / original.name


def beside(ledger: Path, end: str) -> Path:
    return ledger.with_name(ledger.name + end)


def write(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def frames(ledger: Path) -> int:
    """The frames that count; behind them may stand those of an earlier use of the file."""
    index = find_log_index(beside(ledger, "-shm"))
    assert index is not None
    return index.frames


def count_taps(ledger: Path) -> int:
    with closing(sqlite3.connect(ledger)) as connection:
        count: int = connection.execute("SELECT count(*) FROM taps").fetchone()[0]
        return count


def test_a_cut_off_process_alone_loses_nothing(ledger: Path) -> None:
    before = {path: path.read_bytes() for path in ledger.parent.iterdir()}
    check_whole(ledger)
    assert {path: path.read_bytes() for path in ledger.parent.iterdir()} == before
    assert count_taps(ledger) == 60


def remove_log(ledger: Path) -> None:
    beside(ledger, "-wal").unlink()


def empty_log(ledger: Path) -> None:
    os.truncate(beside(ledger, "-wal"), 0)


def halve_log(ledger: Path) -> None:
    os.truncate(beside(ledger, "-wal"), HEADER + frames(ledger) // 2 * FRAME)


def cut_last_frame(ledger: Path) -> None:
    os.truncate(beside(ledger, "-wal"), HEADER + (frames(ledger) - 1) * FRAME + 100)


def flip_page(ledger: Path) -> None:
    write(beside(ledger, "-wal"), HEADER + frames(ledger) // 3 * FRAME + 2_000, b"\xff\x00\xff")


def flip_first_page(ledger: Path) -> None:
    write(beside(ledger, "-wal"), HEADER + 24 + 2_000, b"\xff\x00\xff")


def flip_last_page(ledger: Path) -> None:
    write(beside(ledger, "-wal"), HEADER + (frames(ledger) - 1) * FRAME + 2_000, b"\xff\x00\xff")


def flip_frame_header(ledger: Path) -> None:
    write(beside(ledger, "-wal"), HEADER + frames(ledger) // 3 * FRAME + 17, b"\x55\x55")


def flip_header(ledger: Path) -> None:
    write(beside(ledger, "-wal"), 18, b"\x55\x55")


def zero_pages(ledger: Path) -> None:
    write(beside(ledger, "-wal"), HEADER + frames(ledger) // 3 * FRAME, bytes(5_000))


LOSSES = [
    *(remove_log, empty_log, halve_log, cut_last_frame),
    *(flip_page, flip_first_page, flip_last_page, flip_frame_header, flip_header, zero_pages),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_log_that_is_not_whole_is_reported_again_and_again(
    ledger: Path, lose: Callable[[Path], None]
) -> None:
    lose(ledger)
    for _ in range(2):
        with pytest.raises(LedgerIncomplete, match=r"is not whole: .* accept-loss"):
            check_whole(ledger)


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("shared", ["removed", "garbage"])
def test_it_is_reported_without_the_index_of_the_log_too(
    ledger: Path, lose: Callable[[Path], None], shared: str
) -> None:
    lose(ledger)
    beside(ledger, "-shm").unlink()
    if shared == "garbage":
        beside(ledger, "-shm").write_bytes(os.urandom(32_768))
    assert find_loss(ledger) is not None


@pytest.mark.parametrize(
    "lose", [flip_page, flip_first_page, flip_frame_header, flip_header, zero_pages]
)
def test_what_stands_behind_the_damage_shows_it_by_itself(
    ledger: Path, lose: Callable[[Path], None]
) -> None:
    lose(ledger)
    beside(ledger, "-shm").unlink()
    name_reach(ledger).unlink()
    loss = find_loss(ledger)
    assert loss is not None
    assert "damaged behind frame" in loss.what


def test_a_transaction_that_was_not_synced_is_no_loss(ledger: Path) -> None:
    """As power leaves it: whole frames at the end, one of them torn, and an index that is gone."""
    log = beside(ledger, "-wal")
    end = HEADER + frames(ledger) * FRAME
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO taps (content) VALUES (?)", [("y" * 3_000,)] * 5)
        connection.execute("COMMIT")
        content = bytearray(log.read_bytes())
        main = ledger.read_bytes()
    torn = content.index(b"y" * 100, end)
    content[torn : torn + 100] = bytes(100)
    log.write_bytes(content)
    ledger.write_bytes(main)
    check_whole(ledger)
    assert count_taps(ledger) == 60


def test_an_index_older_than_the_log_is_no_loss(ledger: Path, tmp_path: Path) -> None:
    """As power leaves it: the index is shared memory, and is written to the disk at any time."""
    index = beside(ledger, "-shm").read_bytes()
    name_reach(ledger).write_bytes(b"\0" * 64)
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO taps (content) VALUES ('later')")
        kept = {path: path.read_bytes() for path in (ledger, beside(ledger, "-wal"))}
    for path, content in kept.items():
        path.write_bytes(content)
    beside(ledger, "-shm").write_bytes(index)
    check_whole(ledger)
    assert count_taps(ledger) == 61


def test_a_log_that_somebody_folded_is_no_loss(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    check_whole(ledger)
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("VACUUM")
    check_whole(ledger)


def test_an_earlier_log_in_the_place_of_the_last_is_reported(tmp_path: Path) -> None:
    ledger = cut_off(tmp_path / "data" / "ledger.sqlite3", "never")
    log = beside(ledger, "-wal")
    earlier = log.read_bytes()
    index_of = beside(ledger, "-shm")
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO taps (content) VALUES ('later')")
        kept = {path: path.read_bytes() for path in (ledger, log, index_of)}
    for path, content in kept.items():
        path.write_bytes(content)
    check_whole(ledger)
    log.write_bytes(earlier)
    with pytest.raises(LedgerIncomplete, match="log is an earlier one"):
        check_whole(ledger)


def test_an_earlier_ledger_in_the_place_of_the_last_is_reported(ledger: Path) -> None:
    earlier = ledger.read_bytes()
    count_taps(ledger)  # the last connection folds the log
    ledger.write_bytes(earlier)
    with pytest.raises(LedgerIncomplete, match="is not whole"):
        check_whole(ledger)


def test_rows_that_were_deleted_by_hand_are_reported(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("DELETE FROM taps WHERE row = 60")
    with pytest.raises(LedgerIncomplete, match="it ends at row 59, and row 60 was stored"):
        check_whole(ledger)


def test_a_backup_in_a_directory_of_its_own_is_whole(ledger: Path, tmp_path: Path) -> None:
    backup = tmp_path / "restored" / "ledger.sqlite3"
    backup.parent.mkdir()
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    check_whole(backup)


def test_a_reach_that_cannot_be_understood_is_reported(ledger: Path) -> None:
    name_reach(ledger).write_text("a note")
    with pytest.raises(ConfigurationError, match=r"ledger\.reach must say how far"):
        check_whole(ledger)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"a letter " * 1_000, "is not a database")]
)
def test_a_ledger_that_is_none_is_reported(ledger: Path, content: bytes, message: str) -> None:
    for end in ("-wal", "-shm"):
        beside(ledger, end).unlink()
    ledger.write_bytes(content)
    with pytest.raises(LedgerUnavailable, match=message):
        check_whole(ledger)
