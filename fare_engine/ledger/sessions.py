"""Connections to PostgreSQL, set up as a ledger needs them; the only module that opens any.

psycopg is an extra: this module is imported when a ledger in PostgreSQL is opened. The address is a
URL as libpq reads it, with one host or several. No message shows the password in it.
"""

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown

from fare_engine.errors import ConfigurationError

Connection = psycopg.Connection[tuple[Any, ...]]

SERVER_VERSION_MIN: Final = 140_000
CONNECT_TIMEOUT_SECONDS: Final = 2

CONNECTION: Final = {
    "connect_timeout": str(CONNECT_TIMEOUT_SECONDS),
    # A server that is gone without a word is noticed within seconds, not hours.
    "tcp_user_timeout": "2000",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    # Of several hosts the primary: a standby may be behind.
    "target_session_attrs": "read-write",
    "application_name": "fare-engine",
}
"""What the URL may say otherwise."""

_DURABLE: Final = {"synchronous_commit": "on", "default_transaction_isolation": "read committed"}

OPERATOR: Final = {
    **_DURABLE,
    "jit": "off",
    "lock_timeout": "5s",
    # A transaction that is left open holds back all who follow the ledger.
    "idle_in_transaction_session_timeout": "1min",
}
"""Settings of sessions beside the life of a tap: queries, publishing, settlement."""

WRITER: Final = {
    **_DURABLE,
    # Plans that are always right here: single rows by their keys. A plan that was made while a
    # table was empty would scan it for ever, and compiling it takes longer than a commit.
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "1s",
    "statement_timeout": "3s",
    "idle_in_transaction_session_timeout": "1s",
}
"""Settings of the session that commits."""

_NEEDED: Final = ("fsync", "full_page_writes")

READER: Final = WRITER | {"default_transaction_isolation": "repeatable read"}
"""Settings of the session that loads: all statements of one round trip see one moment."""


class _TextDumper(StrDumperUnknown):
    """A zero character may stand in what an operator writes, and in no text of PostgreSQL."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd"))


def connect(url: str, settings: Mapping[str, str]) -> Connection:
    """A connection in autocommit, with these settings; raises psycopg.Error.

    ConfigurationError: the URL cannot be read, or the server may lose what it confirms.
    """
    parameters = CONNECTION | parse_url(url)
    connection = psycopg.connect(make_conninfo(**parameters), autocommit=True)
    try:
        _set_up(connection, url, settings)
        connection.adapters.register_dumper(str, _TextDumper)
    except BaseException:
        connection.close()
        raise
    return connection


def parse_url(url: str) -> dict[str, str]:
    """The parameters in a URL; ConfigurationError, without the URL, where it cannot be read."""
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(url).items() if value}
    except psycopg.Error:
        found = None  # what libpq says of it may hold the password
    if found is None or _is_misread(found):
        raise ConfigurationError(
            "the URL of the ledger cannot be read: it must be like postgresql://user:password@"
            "host:5432/database, with %40 for @, %2F for / and %3A for : in the password"
        )
    return found


def _is_misread(parameters: Mapping[str, str]) -> bool:
    """Whether a part of a password stands where messages show it."""
    ports = parameters.get("port", "").replace(",", "")
    places = parameters.get("host", "") + parameters.get("dbname", "")
    return "@" in places or not (ports.isdigit() or not ports)


def name_database(url: str) -> str:
    """The database of a URL as messages name it."""
    parameters = parse_url(url)
    host = parameters.get("host", "localhost")
    return f"the database {parameters.get('dbname', '')} at {host}"


def _set_up(connection: Connection, url: str, settings: Mapping[str, str]) -> None:
    if connection.info.server_version < SERVER_VERSION_MIN:
        found = connection.info.server_version // 10_000
        raise ConfigurationError(
            f"{name_database(url)} is PostgreSQL {found}; the ledger needs 14 or newer"
        )
    query = "SELECT " + ", ".join(
        [f"current_setting('{name}')" for name in _NEEDED]
        + [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
    )
    row = connection.execute(query, prepare=False).fetchone() or ()
    for name, value in zip(_NEEDED, row, strict=False):
        if value != "on":
            raise ConfigurationError(
                f"{name_database(url)}: the server runs with {name} = {value}, and may lose what "
                "it has confirmed when its machine stops; turn it on"
            )
