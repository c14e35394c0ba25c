"""How much is logged: so many lines of a kind a minute, and the rest as one line with their number.

A kind is an event with the peer or gate that it names and the type of its error; of a library's
line it is the place in its code. A storm of one kind hides no other.
"""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from typing import Any, Final, TextIO

KINDS_MAX: Final = 200
"""Kinds counted apart within a minute; further ones of an event count together."""
WINDOW_SECONDS: Final = 60
_SUBJECTS: Final = ("peer", "gate")
_TEMPLATE_CHARS_MAX: Final = 100

Kind = tuple[object, ...]


@dataclass(slots=True)
class _Count:
    """How many lines of a kind came, and what is said of those that were left out."""

    name: str
    level: int
    label: str
    lines: int = 0


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes the first lines of each kind in a minute, and at its end how many more there were."""

    def __init__(
        self,
        stream: TextIO,
        lines_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._lines_per_minute = lines_per_minute
        self._clock = clock
        self._ends_at = 0.0
        self._counts: dict[Kind, _Count] = {}
        self._timer: Timer | None = None
        self.left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it. The handler's lock is held."""
        self._end_window_when_due()
        count = self._find_count(record)
        count.lines += 1
        if count.lines <= self._lines_per_minute:
            super().emit(record)
            return
        self.left_out += 1
        if self._timer is None:
            self._timer = Timer(max(0.0, self._ends_at - self._clock()), self._end_window_in_thread)
            self._timer.daemon = True
            with suppress(RuntimeError):  # no thread to be had: the next line ends the minute
                self._timer.start()

    def close(self) -> None:
        """Say what was left out, and close."""
        self.acquire()
        try:
            self._end_window()
            super().close()
        finally:
            self.release()

    def _find_count(self, record: logging.LogRecord) -> _Count:
        kind, label = _name_kind(record)
        if kind not in self._counts and len(self._counts) >= KINDS_MAX:
            kind, label = kind[:1], str(kind[0])
        count = self._counts.get(kind)
        if count is None:
            count = self._counts[kind] = _Count(record.name, record.levelno, label)
        return count

    def _end_window_in_thread(self) -> None:
        self.acquire()
        try:
            self._end_window_when_due()
        finally:
            self.release()

    def _end_window_when_due(self) -> None:
        if self._clock() >= self._ends_at:
            self._end_window()

    def _end_window(self) -> None:
        """Write how many lines of each kind were left out, and begin the next minute."""
        counts, self._counts = self._counts, {}
        self._ends_at = self._clock() + WINDOW_SECONDS
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for count in counts.values():
            more = count.lines - self._lines_per_minute
            if more > 0:
                text = f"{more:,} more of these within {WINDOW_SECONDS} s: {count.label}"
                line = logging.LogRecord(count.name, count.level, "", 0, text, None, None)
                super().emit(line)


def _name_kind(record: logging.LogRecord) -> tuple[Kind, str]:
    """The kind of a line, its event first, and how the kind is named in the log."""
    if not isinstance(record.msg, dict):
        label = str(record.msg)[:_TEMPLATE_CHARS_MAX]
        return (f"{record.pathname}:{record.lineno}", _find_error(record.exc_info)), label
    content = record.msg
    event = str(content.get("event"))
    named = [(name, content[name]) for name in _SUBJECTS if name in content]
    label = " ".join([event, *(f"{name}={value}" for name, value in named)])
    return (event, *named, _find_error(content.get("exc_info"))), label


def _find_error(exception_info: Any) -> type[BaseException] | None:
    """The type of the error that is logged with a line."""
    if exception_info is True:
        exception_info = sys.exc_info()
    if isinstance(exception_info, BaseException):
        return type(exception_info)
    return exception_info[0] if isinstance(exception_info, tuple) else None
