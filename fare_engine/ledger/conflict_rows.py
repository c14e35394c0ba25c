"""What is stored of a conflict, and of how many: the same in every database."""

import json
from typing import Any, Final

import msgspec.structs

from fare_engine.network import DIRECTION_WORDS
from fare_engine.ports import Conflict
from fare_engine.tap import Report, Tap

CONFLICTS_PER_TAP_MAX: Final = 16
"""Of one tap_id and key: a gate that repeats one mistake for ever must not fill the disk."""

CONFLICTS_PER_DAY_MAX: Final = 10_000
"""Of one key: no controller has as many of its own; beyond it they are counted alone."""

_DAY_MS: Final = 86_400_000


def describe_conflict(conflict: Conflict) -> dict[str, Any]:
    """The columns of a conflict, and what it is counted by: its key, its day and their limits."""
    return {
        "row": conflict.row,
        "kind": "tap" if isinstance(conflict.content, Tap) else "report",
        "content": json.dumps(_describe(conflict.content)),
        "received_at": conflict.received_at_ms,
        "tap_id": conflict.tap_id,
        "sender": conflict.sender,
        "per_tap": CONFLICTS_PER_TAP_MAX,
        "per_day": CONFLICTS_PER_DAY_MAX,
        "counted_for": conflict.sender or "",
        "day": conflict.received_at_ms // _DAY_MS,
    }


def _describe(content: Tap | Report) -> dict[str, Any]:
    if isinstance(content, Report):
        return msgspec.structs.asdict(content)
    tap = {
        "gate_id": content.gate_id,
        "direction": DIRECTION_WORDS[content.direction],
        "medium_type": content.medium_type,
        "token": content.token.hex(),
        "occurred_at_ms": content.occurred_at_ms,
    }
    return tap if content.report is None else tap | {"offline": _describe(content.report)}
