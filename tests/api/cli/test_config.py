"""`config check` finds what would keep the engine from serving, and says what it did not read."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import Command
from tests.fare_engine.ledger.old_ledgers.asking import read
from tests.fare_engine.ledger.old_ledgers.test_old_ledgers import HERE, load
from tests.server_process import run_command

pytestmark = pytest.mark.slow

OTHER_KEY = "00" * 32 + "\n"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with every kind of thing in it, of an older version."""
    path = tmp_path_factory.mktemp("config") / "data"
    load("0004", read(HERE / "0004.jsonl")[0]["token_key"], path)
    (path / "ledger.sqlite3").chmod(0o600)
    os.utime(path / "token.key", (0, 0))  # older than its taps, as a key is that made them
    return path


@pytest.fixture(scope="module")
def migrated(original: Path) -> Path:
    """The same ledger, brought to this version's schema."""
    path = original.with_name("migrated")
    shutil.copytree(original, path)
    done = run_command("migrate", "--data-dir", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def data_dir(migrated: Path, tmp_path: Path) -> Path:
    shutil.copytree(migrated, tmp_path / "data")
    return tmp_path / "data"


def change(data_dir: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3", isolation_level=None)) as ledger:
        for statement in statements:
            assert ledger.execute(statement).rowcount != 0, statement


def test_a_ledger_of_before_is_good_also_read_whole(data_dir: Path, command: Command) -> None:
    quick = command("config", "check", "--data-dir", data_dir)
    assert (quick.status, quick.out) == (0, "the configuration is good\n")
    assert "not read: rows, pages and index entries" in quick.err
    names = sorted(path.name for path in data_dir.iterdir())
    deep = command("config", "check", "--deep", "--data-dir", data_dir)
    assert (deep.status, deep.out) == (0, "the configuration is good\n")
    assert "not read" not in deep.err
    assert sorted(path.name for path in data_dir.iterdir()) == names


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE tap_ids", "the table tap_ids is missing"),
        ("DROP TABLE blocked_media", "the table blocked_media is missing"),
        ("DROP INDEX ix_conflicts_row", "the index ix_conflicts_row is missing"),
        ("ALTER TABLE quarantine DROP COLUMN sender", "the column quarantine.sender is missing"),
        ("UPDATE tariffs SET rules = '{'", "the table tariffs cannot be read"),
        ("UPDATE policies SET media = '7'", "what is published cannot be read"),
        ("DELETE FROM configuration", "what is published cannot be read"),
    ],
)
def test_a_table_that_was_meddled_with_is_reported_and_refused(
    data_dir: Path, command: Command, statement: str, message: str
) -> None:
    change(data_dir, statement)
    check = command("config", "check", "--data-dir", data_dir)
    assert check.status == 1
    assert f"fault: {message}" in check.out or message in check.out
    refused = command("keys", "list", "--data-dir", data_dir)
    assert (refused.status, refused.err.count("\n")) == (1, 1), refused.err
    assert message in refused.err


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM tap_ids WHERE row = (SELECT min(row) FROM tap_ids)", "index: tap_ids does"),
        ("UPDATE tap_ids SET row = row + 1 WHERE row = 3", "index: tap_ids leads from"),
        (
            "DELETE FROM token_rows WHERE row = (SELECT min(row) FROM token_rows)",
            "index: token_rows does not lead",
        ),
        ("UPDATE token_rows SET number = 900 WHERE row = 3", "index: token_rows leads to row 3"),
        ("UPDATE taps SET reason = 99 WHERE row = 5", "taps: row 5 cannot be read"),
        ("UPDATE taps SET gate = 9999 WHERE row = 5", "taps: row 5 cannot be read"),
        ("UPDATE taps SET fare = 'two' WHERE row = 5", "taps: row 5 cannot be read: fare"),
        ("UPDATE taps SET tap_id = (SELECT tap_id FROM taps WHERE row = 2) WHERE row = 3", "twice"),
        ("UPDATE taps SET number = 77 WHERE row = 5", "chains: the token of row"),
        ("UPDATE taps SET entry_row = 99999 WHERE entry_row IS NOT NULL", "is missing"),
        ("UPDATE reports SET row = 99999 WHERE row = (SELECT min(row) FROM reports)", "reports: "),
        ("UPDATE audit SET after = '{' WHERE entry = 2", "the table audit cannot be read"),
        ("UPDATE keys SET created_at = 'x'", "the table keys cannot be read: created_at"),
    ],
)
def test_what_only_the_whole_ledger_shows_is_found_by_reading_it(
    data_dir: Path, command: Command, statement: str, message: str
) -> None:
    change(data_dir, statement)
    deep = command("config", "check", "--deep", "--data-dir", data_dir)
    assert deep.status == 1
    assert message in deep.out


def test_damaged_pages_are_found_and_never_end_in_a_traceback(
    data_dir: Path, command: Command
) -> None:
    path = data_dir / "ledger.sqlite3"
    content = path.read_bytes()
    for page in range(len(content) // 4_096):
        damaged = bytearray(content)
        damaged[page * 4_096 : page * 4_096 + 4_000] = b"\xaa" * 4_000
        path.write_bytes(damaged)
        deep = command("config", "check", "--deep", "--data-dir", data_dir)
        assert (deep.status, deep.out.startswith("fault: ")) == (1, True), page


def test_the_key_of_another_installation_is_reported_and_refused_until_accepted(
    data_dir: Path, command: Command
) -> None:
    (data_dir / "token.key").write_text(OTHER_KEY, "ascii")
    message = "token.key is not the key of this ledger"
    assert message in command("config", "check", "--data-dir", data_dir).out
    for refused in (("keys", "list"), ("migrate",)):
        assert message in command(*refused, "--data-dir", data_dir).err
    accept = ("config", "accept-token-key", "--data-dir", data_dir, "--reason", "lost in a fire")
    accepted = command(*accept)
    assert accepted.status == 0
    assert OTHER_KEY.strip() not in accepted.out + accepted.err
    assert command("keys", "list", "--data-dir", data_dir).status == 0
    assert "nothing to accept" in command(*accept).err
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as ledger:
        (entry,) = ledger.execute(
            "SELECT actor, after FROM audit WHERE action = 'token-key.accepted'"
        )
    assert entry[0] == "command line"
    assert "lost in a fire" in entry[1]


def test_an_older_ledger_learns_its_key_only_where_no_tap_is_older(
    original: Path, tmp_path: Path, command: Command
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(original, data_dir)
    at = ("--data-dir", data_dir)
    now = time.time() + 86_400 * 365 * 20  # a key that was put there after all taps
    os.utime(data_dir / "token.key", (now, now))
    assert command("migrate", *at).status == 0
    assert "does not know its token key" in command("config", "check", *at).out
    (data_dir / "token.key").write_text(OTHER_KEY, "ascii")
    os.utime(data_dir / "token.key", (now, now))
    assert command("keys", "list", *at).status == 0, "nothing is known of the key yet"
    assert command("config", "accept-token-key", *at, "--reason", "checked").status == 0
    assert "does not know" not in command("config", "check", *at).out


def make_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_empty(path: Path) -> None:
    os.truncate(path, 0)


def make_binary(path: Path) -> None:
    path.write_bytes(bytes(range(128, 160)))


@pytest.mark.parametrize("name", ["token.key", "ledger.sqlite3"])
@pytest.mark.parametrize(
    "damage",
    [make_link, make_dangling_link, make_directory, make_pipe, make_empty, make_binary],
)
def test_an_odd_file_is_reported_in_one_line(
    data_dir: Path, command: Command, name: str, damage: Callable[[Path], None]
) -> None:
    damage(data_dir / name)
    check = command("config", "check", "--data-dir", data_dir)
    assert (check.status, check.out.count("fault: ")) == (1, 1)
    assert name in check.out
    refused = command("keys", "list", "--data-dir", data_dir)
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert not (data_dir / "nowhere").exists()


def test_a_ledger_that_is_gone_is_not_made_anew(data_dir: Path, command: Command) -> None:
    (data_dir / "ledger.sqlite3").unlink()
    for words in (("config", "check"), ("keys", "list"), ("migrate",), ("settle",)):
        more = ("--service-date", "2021-11-24") if words == ("settle",) else ()
        ended = command(*words, *more, "--data-dir", data_dir)
        assert "ledger.sqlite3 is missing" in ended.out + ended.err
        assert not (data_dir / "ledger.sqlite3").exists()


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("token.key", 0o640, "can be read or written by others"),
        ("token.key", 0o604, "can be read or written by others"),
        (".", 0o777, "can be written by others"),
        (".", 0o770, "can be written by others"),
        ("ledger.sqlite3", 0o666, "can be written by others"),
    ],
)
def test_files_that_others_can_read_or_write_are_refused(
    data_dir: Path, command: Command, name: str, mode: int, message: str
) -> None:
    (data_dir / name).chmod(mode)
    assert message in command("config", "check", "--data-dir", data_dir).out
    refused = command("keys", "list", "--data-dir", data_dir)
    assert (refused.status, "chmod" in refused.err) == (1, True)


def test_a_ledger_that_others_can_read_is_a_warning(data_dir: Path, command: Command) -> None:
    (data_dir / "ledger.sqlite3").chmod(0o644)
    check = command("config", "check", "--data-dir", data_dir)
    assert check.status == 0
    assert "warning: " in check.out
    assert "ledger.sqlite3 can be read by others than its owner (mode 0644)" in check.out


def test_a_clock_behind_the_ledger_is_reported(data_dir: Path, command: Command) -> None:
    ahead_ms = time.time_ns() // 1_000_000 + 3_600_000
    change(
        data_dir,
        f"INSERT INTO audit (at, actor, action, subject) VALUES ({ahead_ms}, 'a', 'b', 'c')",
    )
    check = command("config", "check", "--data-dir", data_dir)
    assert check.status == 1
    assert "the clock of this machine is 3" in check.out


def test_a_journal_mode_that_was_changed_is_set_right_by_the_next_start(
    data_dir: Path, command: Command
) -> None:
    change(data_dir, "PRAGMA journal_mode = DELETE", "VACUUM")
    assert command("config", "check", "--deep", "--data-dir", data_dir).status == 0
    assert command("keys", "list", "--data-dir", data_dir).status == 0
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as ledger:
        assert ledger.execute("PRAGMA journal_mode").fetchone() == ("wal",)
