"""How far a replay has come: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN = 5.0
"""Between two plain lines, so that a log of hours stays short."""


class ReplayProgress:
    """Tells of a replay on standard error, whatever goes to standard output."""

    def __init__(self) -> None:
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
            self._task = self._bar.add_task("reading", total=None)

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

    def update(self, rows: int, decided: int, taps: int | None) -> None:
        """As `Watch.on_progress`."""
        if taps is None:
            told = f"{rows:,} rows read"
        else:
            told = f"{rows:,} rows read, {decided:,} of {taps:,} taps decided"
        if self._bar is not None:
            self._bar.update(self._task, description=told, completed=decided, total=taps)
            return
        now = time.monotonic()
        if decided == taps or now - self._last_line_at >= SECONDS_BETWEEN:
            self._last_line_at = now
            print(told, file=sys.stderr, flush=True)
