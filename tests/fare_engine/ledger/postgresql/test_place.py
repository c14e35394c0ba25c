"""A place in PostgreSQL: made from an empty database, with a key that all its machines have."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fare_engine.errors import (
    ConfigurationError,
    DataDirectoryMissing,
    DataDirectoryUsed,
    LedgerUnavailable,
    TokenKeyWrong,
)
from fare_engine.ledger.postgresql.place import SharedPlace
from fare_engine.opening import check_ledger, make_place, read_published
from fare_engine.setup import initialise
from tests.fare_engine.small_metro import NOON_MS


@pytest.fixture
def place(make_database: Callable[..., str], tmp_path: Path) -> SharedPlace:
    made = make_place(tmp_path / "data", make_database())
    assert isinstance(made, SharedPlace)
    return made


def test_init_makes_a_ledger_and_a_key_and_nothing_else(place: SharedPlace) -> None:
    initialise(place, now_ms=NOON_MS)
    assert [path.name for path in place.path.iterdir()] == ["token.key"]
    assert place.token_key_path.stat().st_mode & 0o777 == 0o600
    database = place.open().open_database()
    check_ledger(place, database)
    database.dispose()
    assert read_published(place).catalogue.list_policies("FHY")


def test_init_uses_the_key_that_is_there(place: SharedPlace) -> None:
    place.path.mkdir(mode=0o700)
    place.token_key_path.write_text("ab" * 32)
    place.token_key_path.chmod(0o600)
    initialise(place, now_ms=NOON_MS)
    assert place.read_token_key() == b"\xab" * 32


def test_a_database_with_a_ledger_is_refused_and_no_key_is_left(
    place: SharedPlace, tmp_path: Path
) -> None:
    initialise(place, now_ms=NOON_MS)
    other = SharedPlace(tmp_path / "other", place._url)
    with pytest.raises(DataDirectoryUsed, match="already holds a ledger; nothing was changed"):
        initialise(other, now_ms=NOON_MS)
    assert not other.path.exists()


def test_a_directory_with_a_ledger_of_its_own_is_refused(place: SharedPlace) -> None:
    initialise(make_place(place.path), now_ms=NOON_MS)
    with pytest.raises(DataDirectoryUsed, match="holds a ledger of its own"):
        initialise(place, now_ms=NOON_MS)


def test_of_two_that_fill_a_database_at_once_one_is_refused(
    place: SharedPlace, tmp_path: Path
) -> None:
    outcomes: list[object] = []

    def run(name: str) -> None:
        try:
            outcomes.append(initialise(SharedPlace(tmp_path / name, place._url), now_ms=NOON_MS))
        except (DataDirectoryUsed, LedgerUnavailable) as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Exception) for one in outcomes) == 1
    assert sum((tmp_path / name / "token.key").exists() for name in ("a", "b")) == 1


def test_an_init_that_fails_leaves_no_key_and_may_be_tried_again(place: SharedPlace) -> None:
    with pytest.raises(ZeroDivisionError), place.create_ledger():
        raise ZeroDivisionError
    assert not place.token_key_path.exists()
    initialise(place, now_ms=NOON_MS)


def test_a_key_of_another_ledger_is_refused(place: SharedPlace) -> None:
    initialise(place, now_ms=NOON_MS)
    place.token_key_path.write_text("ab" * 32)
    database = place.open().open_database()
    with pytest.raises(TokenKeyWrong):
        check_ledger(place, database)
    database.dispose()


def test_a_key_that_is_missing_or_open_to_others_is_refused(place: SharedPlace) -> None:
    with pytest.raises(DataDirectoryMissing, match="copy the one that the other machines"):
        place.open()
    initialise(place, now_ms=NOON_MS)
    place.token_key_path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read or written by others"):
        place.open()


def test_any_number_of_processes_may_use_it(place: SharedPlace) -> None:
    with place.lock("one"), place.lock("another"):
        pass
