"""Ledgers of a given size for each side, built once by its own server and kept for later runs."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import Signals
from typing import Final, NamedTuple

import uvloop

from benchmarks import load, served
from benchmarks.compare.checkout import Checkout
from benchmarks.compare.metro import make_crossing
from benchmarks.workload import SEED, Workload, in_batches
from simulator.delivery.http_client import request_bytes

CONNECTIONS: Final = 8
BATCH_TAPS: Final = 1_000
CHUNK_TAPS: Final = 50_000
REPORTED_ROWS: Final = 1_000_000

Say = Callable[[str], None]


class Ledger(NamedTuple):
    """A data directory whose server was killed, after the entry of crossing 0; and its gate key."""

    data_dir: Path
    key: str


def build_missing(sides: Sequence[Checkout], sizes: Sequence[int], cache: Path, say: Say) -> None:
    """Build what the cache lacks; two sides of one commit share their ledgers."""
    builders = {
        side.commit: _Builder(side, cache)
        for side in sides
        if not all(_get_kept(side, rows, cache).is_dir() for rows in sizes)
    }
    workload = Workload(SEED)
    done = 0
    for rows in sorted(sizes) if builders else ():
        with ExitStack() as servers:
            ports = {
                builder: servers.enter_context(builder.serving()) for builder in builders.values()
            }
            while done < rows:
                taps = workload.mixed(min(CHUNK_TAPS, rows - done))
                bodies = [served.batch_body(batch) for batch in in_batches(taps, BATCH_TAPS)]
                for builder, port in ports.items():
                    builder.fill(port, bodies)
                done += len(taps)
                if done % REPORTED_ROWS == 0 or done == rows:
                    say(f"built {done:,} of {max(sizes):,} rows")
        for builder in builders.values():
            builder.keep(rows)
    for builder in builders.values():
        builder.end()


class _Builder:
    """One ledger of a side that grows; at each size a copy of it is kept."""

    def __init__(self, side: Checkout, cache: Path) -> None:
        self._side = side
        self._cache = cache
        self._path = _get_kept(side, 0, cache).with_name("building")
        shutil.rmtree(self._path.parent, ignore_errors=True)
        self._path.mkdir(parents=True)
        self._key = side.make_ledger(self._path / "data")
        (self._path / "gate.key").write_text(self._key, "ascii")

    @contextmanager
    def serving(self) -> Iterator[int]:
        """The port of its server. At the end it is let rest, and killed after a first entry."""
        with self._side.serving(self._path / "data", Signals.SIGKILL) as server:
            yield server.port
            served.wait_until_at_rest(server.port)
            served.send_batch(server.port, self._key, make_crossing(0)[:1])

    def fill(self, port: int, bodies: Sequence[bytes]) -> None:
        """Send batches as fast as they are answered."""
        requests = [request_bytes("/v1/taps/batch", self._key, body) for body in bodies]
        uvloop.run(load.closed_loop(port, CONNECTIONS, requests, BATCH_TAPS))

    def keep(self, rows: int) -> None:
        """Keep what there is now as the ledger of this size."""
        kept = _get_kept(self._side, rows, self._cache)
        shutil.copytree(self._path, kept.with_suffix(".part")).rename(kept)

    def end(self) -> None:
        """Remove all but what was kept."""
        shutil.rmtree(self._path)


def copy_ledger(side: Checkout, rows: int, cache: Path, scratch: Path) -> Ledger:
    """A copy of a kept ledger, to be written on."""
    copied = scratch / side.name / str(rows)
    shutil.copytree(_get_kept(side, rows, cache), copied)
    os.sync()  # or the copy would be written to the disk while it is measured
    return Ledger(copied / "data", (copied / "gate.key").read_text("ascii"))


def _get_kept(side: Checkout, rows: int, cache: Path) -> Path:
    """Where a ledger is kept: by the commit that built it, and by its rows."""
    return cache / side.commit / str(rows)
