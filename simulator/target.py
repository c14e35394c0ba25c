"""The engine that a simulation is sent to: a server of somebody's, or one of its own."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from simulator.server_metro import fetch_metro
from simulator.serving import Keys, serving
from simulator.world.chengdu import make_metro, make_network
from simulator.world.directory import make_directory
from simulator.world.metro import Metro
from simulator.world.presenting import Presenter

PASSENGERS_A_SECOND: Final = 50_000
"""Numbers of passengers that go by between two runs on one server."""


class Target(NamedTuple):
    """Where taps go, what is there, and how taps of this run differ from those before."""

    url: str
    key: str
    metro: Metro
    presenter: Presenter


@contextmanager
def open_target(url: str | None, key: str | None) -> Iterator[Target]:
    """The server at a URL, else one that is started on a scratch directory and stopped after."""
    if url is not None:
        url, key = url.rstrip("/"), key or ""
        metro = fetch_metro(url, key)
        now_ms = time.time_ns() // 1_000_000
        first = now_ms // 1_000 * PASSENGERS_A_SECOND
        yield Target(url, key, metro, Presenter(metro, first, str(now_ms)))
        return
    with tempfile.TemporaryDirectory(prefix="fare-simulate-") as scratch:
        data_dir, log = Path(scratch, "data"), Path(scratch, "server.log")
        _, admin_key = make_directory(data_dir, make_network(), time.time_ns() // 1_000_000)
        with serving(data_dir, 0, Keys(admin_key, None, frozenset()), log) as served:
            metro = make_metro()
            yield Target(served.url, admin_key, metro, Presenter(metro))
