"""No core dumps: the memory of a server holds the token key and numbers of cards."""

import contextlib
import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def forbid_core_dumps() -> None:
    """Leave no image of this process behind, and let no other process of its user read it."""
    with contextlib.suppress(OSError, ValueError):  # A filter of system calls may forbid it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A limit of 0 does not hold where a program takes the dumps (`core_pattern`).
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
