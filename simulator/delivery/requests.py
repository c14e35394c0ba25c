"""Taps as requests: single ones as gates send them live, and batches as controllers send a backlog.

All taps of a passenger (of a family, of two evaders) take one connection, on which requests are
answered in their order. So they reach the engine in order however fast time is made to go.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

import msgspec

from simulator.delivery.http_client import request_bytes
from simulator.delivery.pacing import Due
from simulator.world.plan import AGAIN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

TAPS_PATH: Final = "/v1/taps"
BATCH_PATH: Final = "/v1/taps/batch"
REPORT_END: Final = "/report"
BATCH_MAX: Final = 1_000
REPORT_BODY: Final = msgspec.json.encode(
    {"gate_action_taken": "open", "fare_taken": 0, "passed": False}
)


class Kind(Enum):
    """What a request is."""

    TAP = auto()
    BATCH = auto()
    AGAIN = auto()
    """The same tap once more."""
    REPORT = auto()
    """Nobody went through at the tap."""


class Sending(NamedTuple):
    """A request's taps, with the body of each as JSON; a report has its tap and its own body."""

    kind: Kind
    taps: tuple[WorldTap, ...]
    bodies: tuple[bytes, ...]


class Controllers(NamedTuple):
    """So many connections; the first few send batches of so many taps, the others single ones."""

    connections: int
    batch: int = 1
    batch_connections: int = 0


def make_requests(
    taps: Iterable[tuple[float, WorldTap]], presenter: Presenter, key: str, controllers: Controllers
) -> Iterator[Due[Sending]]:
    """Requests in the order of their arrival: that of a batch is its last tap's."""
    gathering: list[list[tuple[WorldTap, bytes]]] = [[] for _ in range(controllers.connections)]
    at_s = 0.0
    for at_s, tap in taps:
        lane = tap.passenger % controllers.connections
        body = msgspec.json.encode(presenter.body(tap))
        tap_id = presenter.tap_id(tap)
        if lane < controllers.batch_connections:
            gathered = gathering[lane]
            again = bool(tap.flags & AGAIN) and len(gathered) + 1 < controllers.batch
            gathered += [(tap, body)] * (2 if again else 1)
            if len(gathered) >= controllers.batch or tap.flags & TURNED_BACK:
                yield _make_batch(at_s, lane, gathered, key)
                gathered.clear()
        else:
            single = Sending(Kind.TAP, (tap,), (body,))
            content = request_bytes(TAPS_PATH, key, body)
            yield Due(at_s, lane, content, single)
            if tap.flags & AGAIN:
                yield Due(at_s, lane, content, single._replace(kind=Kind.AGAIN))
        if tap.flags & TURNED_BACK:
            report = Sending(Kind.REPORT, (tap,), (REPORT_BODY,))
            content = request_bytes(f"{TAPS_PATH}/{tap_id}{REPORT_END}", key, REPORT_BODY)
            yield Due(at_s, lane, content, report)
    for lane, gathered in enumerate(gathering):
        if gathered:
            yield _make_batch(at_s, lane, gathered, key)


def _make_batch(
    at_s: float, lane: int, gathered: list[tuple[WorldTap, bytes]], key: str
) -> Due[Sending]:
    taps, bodies = zip(*gathered, strict=True)
    content = request_bytes(BATCH_PATH, key, b'{"taps":[' + b",".join(bodies) + b"]}")
    return Due(at_s, lane, content, Sending(Kind.BATCH, taps, bodies))
