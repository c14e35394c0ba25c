"""Opening the ledger's database, bringing it to this version's schema, and reading its version."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy import (
    Connection,
    Engine,
    String,
    column,
    create_engine,
    event,
    inspect,
    select,
    table,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from fare_engine.errors import ConfigurationError, LedgerUnavailable, SchemaVersionWrong

BUSY_TIMEOUT_MS: Final = 5_000
PAGE_CACHE_KIBIBYTES: Final = 16_384
_IMMEDIATE: Final = "fare_engine_begin_immediate"
_MIGRATIONS: Final = "fare_engine.ledger.migrations"
_VERSION_TABLE: Final = "alembic_version"

Database = Engine
"""The ledger's database, for packages that do not know SQLAlchemy."""

Address = str | Path
"""Where a ledger is: the path of a file (SQLite), or a URL (PostgreSQL)."""

__all__ = [
    "Address",
    "Connection",
    "Database",
    "check_schema",
    "find_mismatch",
    "find_revision",
    "get_head_revision",
    "is_postgresql",
    "list_revisions",
    "make_driver_missing",
    "migrate",
    "name_database",
    "open_database",
    "reading",
    "writing",
]


def open_database(address: Address, *, must_exist: bool = False) -> Engine:
    """The database at a path (SQLite) or a URL; nothing is read or written yet.

    A file that is not there is made, unless it `must_exist`. One that is there now is never made
    anew: a ledger that is gone is not to be replaced by an empty one.
    """
    if is_postgresql(address):
        return _open_postgresql(str(address))
    if isinstance(address, str) and "://" in address:
        engine = create_engine(address)
    else:
        path = Path(address).absolute()
        mode = "rw" if must_exist or path.exists() else "rwc"
        url = f"{path.as_uri()}?mode={mode}"
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            creator=lambda: sqlite3.connect(url, uri=True, check_same_thread=False),
        )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def is_postgresql(address: Address) -> bool:
    """Whether an address is the URL of a PostgreSQL database."""
    return isinstance(address, str) and address.startswith(("postgresql://", "postgres://"))


def _open_postgresql(url: str) -> Engine:
    try:
        from fare_engine.ledger import sessions  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise make_driver_missing(error) from error

    def connect() -> sessions.Connection:
        connection = sessions.connect(url, sessions.OPERATOR)
        connection.autocommit = False
        return connection

    parameters = sessions.parse_url(url)
    # Without the password, for messages: `connect` has the whole URL.
    shown = URL.create(
        "postgresql+psycopg", host=parameters.get("host"), database=parameters.get("dbname")
    )
    return create_engine(shown, creator=connect)


def make_driver_missing(error: ModuleNotFoundError) -> Exception:
    """What a module that is missing means: the driver of PostgreSQL is an extra."""
    if error.name != "psycopg":
        return error
    return ConfigurationError(
        "a ledger in PostgreSQL needs psycopg, which is not installed; it comes with the extra "
        "postgresql: pip install 'fare-engine[postgresql]'"
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One view of the database, beside any writer; LedgerUnavailable when it fails."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with engine.execution_options(**options).connect() as connection:
            yield connection
    except DBAPIError as error:
        raise LedgerUnavailable(f"{name_database(engine)} cannot be read: {error.orig}") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes, committed at the end of the block.

    SQLite takes the write lock at its beginning: a transaction that reads first and writes then
    would fail at once, instead of waiting, where another has written between the two.
    LedgerUnavailable when it fails.
    """
    try:
        with engine.execution_options(**{_IMMEDIATE: True}).begin() as connection:
            yield connection
    except DBAPIError as error:
        raise LedgerUnavailable(f"{name_database(engine)} did not confirm: {error.orig}") from error


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database to the schema of this version, in one transaction; data stay.

    An earlier revision may be named for an empty database, to try what leads on from there.
    """
    # Alembic takes a tenth of a second to load, which a server that starts has no need of.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    dialect = engine.dialect.name
    found = find_revision(engine)
    if found is not None and found not in list_revisions(dialect):
        check_schema(engine)
        return  # a newer version has added to it, and leaves it fit for this one
    config = Config()
    for option, folder in (
        ("script_location", resources.files(_MIGRATIONS)),
        ("version_locations", _find_versions(dialect)),
    ):
        # The configuration takes % for the beginning of a variable.
        config.set_main_option(option, str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def check_schema(engine: Engine) -> None:
    """Raise SchemaVersionWrong, with what to do about it, unless the schema is this version's.

    A shared ledger may be of a newer version that only added to it: workers are replaced one after
    the other, so those of this version go on.
    """
    found, known = find_revision(engine), list_revisions(engine.dialect.name)
    mismatch = find_mismatch(found, known)
    if mismatch is None:
        return
    if found is not None and found not in known and _find_oldest_fit(engine) in known:
        return
    raise SchemaVersionWrong(f"{name_database(engine)} {mismatch}")


def _find_oldest_fit(engine: Engine) -> str | None:
    """The oldest schema revision whose workers may go on with this one, where it says so."""
    if engine.dialect.name == "sqlite":
        return None
    with reading(engine) as connection:
        query = text("SELECT to_jsonb(i) ->> 'fits_since' FROM identity i")
        return connection.execute(query).scalar_one_or_none()


def find_mismatch(found: str | None, known: Sequence[str]) -> str | None:
    """What is wrong with a schema revision, for a version that knows these, the newest first."""
    head = known[0]
    if found is None:
        return "holds no ledger; `fare-engine init` makes one"
    if found not in known:
        return (
            f"was written by a newer version of the engine (schema {found}, this version knows "
            f"up to {head}); install that version or a newer one"
        )
    if found != head:
        return (
            f"was written by an older version of the engine (schema {found}, this version has "
            f"{head}); make a backup, then bring it up to date with `fare-engine migrate`"
        )
    return None


def find_revision(engine: Engine) -> str | None:
    """The schema revision of the database; None when it has none."""
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(_VERSION_TABLE):
                return None
            query = select(column("version_num", String)).select_from(table(_VERSION_TABLE))
            return connection.execute(query).scalar_one_or_none()
    except DBAPIError as error:
        raise LedgerUnavailable(f"{name_database(engine)} cannot be read: {error.orig}") from error


def get_head_revision(dialect: str = "sqlite") -> str:
    """The schema revision of this version."""
    return list_revisions(dialect)[0]


def list_revisions(dialect: str = "sqlite") -> list[str]:
    """The schema revisions that this version knows, the newest first: the files begin with them.

    Each kind of database has a chain of its own.
    """
    names = (file.name for file in _find_versions(dialect).iterdir() if file.name[0].isdigit())
    return sorted({name.partition("_")[0] for name in names}, reverse=True)


def _find_versions(dialect: str) -> Traversable:
    return resources.files(_MIGRATIONS) / ("versions" if dialect == "sqlite" else dialect)


def name_database(engine: Engine) -> str:
    """A database as messages name it, without a password."""
    if engine.dialect.name == "postgresql":
        return f"the database {engine.url.database} at {engine.url.host}"
    return f"the database {unquote(str(engine.url.database).removeprefix('file:'))}"


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own way of opening transactions leaves out DDL and begins late: `_begin_sqlite`.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{PAGE_CACHE_KIBIBYTES}",
        "temp_store = MEMORY",
        # The ledger's checkpointer folds the log in, outside the life of a tap.
        "wal_autocheckpoint = 0",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
