"""Crash points: every step of a controller's work has a name, and a test kills it there.

Inert unless `FARE_GATES_CRASH_AT` names a point; then the process kills itself when it gets there,
as a power failure would. `name:3` lets it pass twice first.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "FARE_GATES_CRASH_AT"

CRASH_POINTS: Final = (
    # A tap at the lane.
    "before_outbox_write",
    "inside_outbox_write",
    "after_outbox_write",
    "after_request_sent",
    "after_answer",
    "after_deciding_alone",
    "inside_action_write",
    "after_action_write",
    "after_gate_action",
    # A passage that did not happen.
    "inside_report_write",
    "after_report_write",
    # Sending the backlog.
    "before_upload",
    "after_upload_answer",
    "inside_upload_write",
    "after_upload_write",
    "before_report_sent",
    "after_report_answer",
    "after_report_settled",
    # Upkeep.
    "inside_start_repair",
    "inside_prune",
    "inside_parameters_write",
    "after_parameters_write",
)
"""All of them, in the order of the work."""

_name, _, _count = os.environ.get(VARIABLE, "").partition(":")
_passes_left = int(_count or 1)
if _name and _name not in CRASH_POINTS:
    raise ValueError(f"{VARIABLE} names no crash point: {_name}")


def crash_point(name: str) -> None:
    """Die here if this is the point that was named."""
    if name == _name:
        _die()


def _die() -> None:
    global _passes_left  # noqa: PLW0603 - a process dies once
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
