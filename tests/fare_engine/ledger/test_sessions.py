"""Sessions in PostgreSQL: set up as a ledger needs them, and no password in a message."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from fare_engine.errors import ConfigurationError, LedgerUnavailable
from fare_engine.ledger.database import find_revision, open_database
from fare_engine.ledger.sessions import OPERATOR, READER, WRITER, Connection, connect, parse_url
from simulator.blackbox.postgresql_server import SMALL, run_server

SECRET = "hush"


@pytest.mark.parametrize("settings", [WRITER, READER, OPERATOR])
def test_a_session_has_its_settings_whatever_the_database_says(
    make_database: Callable[..., str], settings: dict[str, str]
) -> None:
    url = make_database()
    name = url.rpartition("/")[2]
    with connect(url, OPERATOR) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = serializable".encode()
        )
    with connect(url, settings) as connection:
        for setting, value in settings.items():
            assert connection.execute(f"SHOW {setting}".encode()).fetchone() == (value,)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_confirmed_is_refused(setting: str) -> None:
    message = rf"the server runs with {setting} = off"
    with (
        run_server(SMALL | {setting: "off"}) as server,
        pytest.raises(ConfigurationError, match=message),
    ):
        connect(server.url, WRITER)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://fare:{SECRET}@127.0.0.1:1/metro",
        f"postgresql://fare:a@{SECRET}@127.0.0.1:1/metro",
        f"postgresql://fare:a/{SECRET}@127.0.0.1:1/metro",
        f"postgresql://fare:{SECRET}@127.0.0.1:1/metro?nonsense=1",
        f"postgresql://fare:%{SECRET}@127.0.0.1:1/metro",
    ],
)
def test_no_message_shows_the_password(url: str) -> None:
    with pytest.raises((ConfigurationError, LedgerUnavailable)) as caught:
        find_revision(open_database(url))
    error: BaseException | None = caught.value
    assert "metro" in str(error) or "cannot be read: it must be like" in str(error)
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__


def test_several_hosts_may_be_named() -> None:
    found = parse_url("postgresql://fare@one:5432,two:5433/metro")
    assert (found["host"], found["port"], found["dbname"]) == ("one,two", "5432,5433", "metro")


def test_a_missing_driver_is_reported() -> None:
    without_driver = """
import sys
sys.modules["psycopg"] = None
from fare_engine.errors import ConfigurationError
from fare_engine.ledger.database import open_database
try:
    open_database("postgresql://localhost/metro")
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", without_driver], capture_output=True, text=True, check=True
    )
    assert "pip install 'fare-engine[postgresql]'" in done.stdout


def test_an_error_of_the_server_is_no_lost_connection(make_database: Callable[..., str]) -> None:
    """The driver takes codes that it does not know for lost connections: the code says what is."""
    with connect(make_database(), WRITER) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("DO $$ BEGIN RAISE 'x' USING ERRCODE = 'FE001'; END $$")
        assert caught.value.sqlstate == "FE001"
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_is_read_in_one_round_trip_is_of_one_moment(make_database: Callable[..., str]) -> None:
    url = make_database()
    with connect(url, WRITER) as other, connect(url, READER) as connection:
        other.execute("CREATE TABLE one (value int)")
        other.execute("SELECT pg_advisory_lock(1)")
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(_count_around_a_lock, connection)
            while other.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
                assert not reading.done()
            other.execute("INSERT INTO one VALUES (1)")
            other.execute("SELECT pg_advisory_unlock(1)")
            assert reading.result() == [(0,), (0,)]
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (1,)


def _count_around_a_lock(connection: Connection) -> list[tuple[int, ...] | None]:
    with connection.pipeline():
        before = connection.execute("SELECT count(*) FROM one")
        connection.execute("SELECT pg_advisory_lock(1)")
        after = connection.execute("SELECT count(*) FROM one")
    return [before.fetchone(), after.fetchone()]
