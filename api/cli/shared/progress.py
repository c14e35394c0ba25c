"""Progress of a long command: a bar on a terminal, else a plain line every few seconds."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN: Final = 5.0
"""Between two plain lines, to keep logs short."""


class LongWork:
    """Reports progress on standard error, so that standard output stays free for results."""

    def __init__(self, description: str) -> None:
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
            self._task = self._bar.add_task(description, total=None)

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

    def update(self, description: str, done: int, total: int | None) -> None:
        """Report how much is done, of how much; a total of None is not known yet."""
        if self._bar is not None:
            self._bar.update(self._task, description=description, completed=done, total=total)
            return
        now = time.monotonic()
        if done == total or now - self._last_line_at >= SECONDS_BETWEEN:
            self._last_line_at = now
            print(description, file=sys.stderr, flush=True)
