"""From a row of a file to a tap with an id."""

import hashlib
import re
from functools import lru_cache
from typing import Final

from fare_engine.interchange.rows import FileTap
from fare_engine.tap import Tap

_PLAIN_GATE_ID: Final = re.compile(r"[A-Za-z0-9_:-]{1,32}")


def make_tap(tap: FileTap) -> Tap:
    """The tap as the engine takes it; one without an id gets one that is made of its content."""
    return Tap(
        tap.tap_id or make_tap_id(tap),
        tap.gate_id,
        tap.direction,
        tap.medium_type,
        tap.token,
        tap.occurred_at_ms,
        None,
        tap.listed_fare,
    )


def make_tap_id(tap: FileTap) -> str:
    """An id made of what a tap is: the same gate, direction, medium and instant give the same.

    It begins as a gate's own ids do, with the gate and something that rises, which the ledger
    looks up quickest. The hash is of the token, which needs the key: an id does not show
    whose tap it was, or that two are of one passenger.
    """
    gate_id, at_ms = tap.gate_id, tap.occurred_at_ms
    content = b"%d\n%d\n%b\n%b\n%b" % (
        at_ms,
        tap.direction,
        tap.medium_type.encode(),
        gate_id.encode(),
        tap.token,
    )
    digest = hashlib.blake2b(content, digest_size=10).hexdigest()
    return f"{_id_prefix(gate_id)}.{at_ms:013}-{digest}"


@lru_cache(maxsize=10_000)
def _id_prefix(gate_id: str) -> str:
    """The gate as it may stand in a tap_id."""
    if _PLAIN_GATE_ID.fullmatch(gate_id):
        return gate_id
    return hashlib.blake2b(gate_id.encode(), digest_size=8).hexdigest()
