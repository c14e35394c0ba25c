"""How far a long command has come: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN: Final = 5.0
"""Between two plain lines, so that a log of hours stays short."""


class LongWork:
    """Tells of it on standard error, whatever goes to standard output."""

    def __init__(self, first_told: str) -> None:
        self._last_line_at = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(first_told, total=None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, told: str, done: int, total: int | None) -> None:
        """How much is done, of how much; None while nobody knows."""
        if self._bar is not None:
            self._bar.update(self._task, description=told, completed=done, total=total)
            return
        now = time.monotonic()
        if done == total or now - self._last_line_at >= SECONDS_BETWEEN:
            self._last_line_at = now
            print(told, file=sys.stderr, flush=True)
