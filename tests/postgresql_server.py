"""Databases for tests, on a real PostgreSQL server.

Which one: a URL in the environment (`FARE_TEST_POSTGRESQL_URL`, of a role that may make databases),
else one that is started here (`simulator/blackbox/postgresql_server.py`).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

import psycopg

from simulator.blackbox.postgresql_server import run_server

URL_VARIABLE: Final = "FARE_TEST_POSTGRESQL_URL"


class Databases:
    """Databases for tests, each copied from a template within some hundredths of a second."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count(1)
        self._templates: dict[Callable[[str], None], str] = {}

    def make(self, prepare: Callable[[str], None] | None = None) -> str:
        """The URL of a new database: empty, or as `prepare` has left another one."""
        if prepare is None:
            return self._make("template0")
        if prepare not in self._templates:
            url = self._make("template0")
            prepare(url)
            self._templates[prepare] = get_name(url)
        return self._make(self._templates[prepare])

    def drop(self, url: str) -> None:
        """Drop a database, and cut its connections."""
        self._execute(f"DROP DATABASE {get_name(url)} WITH (FORCE)")

    def drop_templates(self) -> None:
        """Drop what later databases would have been copied from."""
        for name in self._templates.values():
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._templates.clear()

    def _make(self, template: str) -> str:
        name = f"fare_test_{os.getpid()}_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        head, _, tail = self.url.rpartition("/")
        _, question_mark, query = tail.partition("?")
        return f"{head}/{name}{question_mark}{query}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


def get_name(url: str) -> str:
    """The name of the database of a URL."""
    return url.rpartition("/")[2].partition("?")[0]


@contextmanager
def run_databases() -> Iterator[Databases]:
    """Databases on the server of the environment, or on one that lives as long as the block."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        databases = Databases(url)
        yield databases
        databases.drop_templates()
        return
    with run_server() as server:
        yield Databases(server.url)
