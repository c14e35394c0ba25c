"""What all engines of a scenario share: the clock, the disk, the cache outside, and the journal."""

from collections.abc import Iterable
from typing import Final

from fare_engine.batch import Result
from fare_engine.decision import Decision
from fare_engine.verdict import Verdict
from simulator.deterministic.journal import Journal
from simulator.deterministic.storage.lying_store import LyingStore
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.virtual_time import VirtualLoop

TOKEN_KEY: Final = b"k" * 32


class Answers:
    """What was answered for each tap_id, by whatever engine."""

    def __init__(self) -> None:
        self.differing: list[str] = []
        self._first: dict[str, tuple[int, Decision]] = {}

    def add(self, results: Iterable[Result]) -> None:
        """A request is answered with these."""
        first = self._first
        for result in results:
            if isinstance(result, Verdict):
                answer = result.row, result.decision
                if first.setdefault(result.tap.tap_id, answer) != answer:
                    self.differing.append(result.tap.tap_id)


class Shared:
    """One world's engines have one of it."""

    def __init__(
        self,
        loop: VirtualLoop,
        start_ms: int,
        engines: int,
        disk: SharedDisk,
        store: LyingStore,
        journal: Journal,
    ) -> None:
        self.loop = loop
        self.engines = engines
        self.disk = disk
        self.store = store
        self.journal = journal
        self.answers = Answers()
        self.lost_statements = 0
        """Commits that no engine waits for any more, and that may still be stored."""
        self._start_ms = start_ms

    def now_ms(self) -> int:
        """The clock of all engines, which is always right."""
        return self._start_ms + round(self.loop.time() * 1_000)
