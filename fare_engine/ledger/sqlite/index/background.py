"""Work beside the writer, in a thread of its own.

Work is a generator: where it yields, it may be stopped, and a test may look at what is there by
then. One step is one statement of many rows: between two statements a thread waits for the
interpreter, and in a burst it would never end.
"""

import threading
from collections.abc import Callable, Generator
from typing import Protocol

Steps = Generator[None, None, None]


class Task(Protocol):
    """Work that was started."""

    @property
    def is_running(self) -> bool:
        """Whether some of it is left."""

    def wait(self) -> None:
        """Wait for its end."""

    def stop(self) -> None:
        """End it after the step it is at."""


StartTask = Callable[[str, Steps], Task]
"""Starts work under a name."""


class ThreadTask:
    """Work in a thread."""

    def __init__(self, name: str, steps: Steps) -> None:
        self._steps = steps
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the thread."""
        self._thread.join()

    def stop(self) -> None:
        """End the thread after the step it is at."""
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        for _ in self._steps:
            if self._stopping:
                break
        self._steps.close()
