"""The index finds what plain dictionaries would, whatever happens between any two of its steps."""

from enum import Enum, auto

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.fare_engine.ledger.sqlite.index.index_world import IndexWorld, Row

SHAPES = ("A.{:02}", "A.b.{:02}", "B.{:02}", "C.{}", "D.{:02}", "E.{:02}", ".{:02}", "plain{:02}")
TAP_IDS = st.builds(str.format, st.sampled_from(SHAPES), st.integers(0, 12))
TOKENS = st.integers(0, 7).map(lambda number: bytes([number]) * 16)
UNSEEN = st.binary(min_size=16, max_size=16)
TAPS = st.lists(st.tuples(TAP_IDS, TOKENS, st.booleans()), max_size=9, unique_by=lambda t: t[0])


class Ending(Enum):
    """How a commit ends, for the one who waits for it."""

    ADDED = auto()
    ROLLED_BACK = auto()
    STORED_IN_DOUBT = auto()
    CRASHED_BEFORE = auto()
    CRASHED_AFTER = auto()


ENDINGS = st.sampled_from([*[Ending.ADDED] * 8, *Ending])


class IndexMachine(RuleBasedStateMachine):
    """The index beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.world = IndexWorld()

    @rule(taps=TAPS, gap=st.sampled_from((0, 0, 1, 30)), ending=ENDINGS, sent_again=st.booleans())
    def decide(
        self, taps: list[tuple[str, bytes, bool]], gap: int, ending: Ending, *, sent_again: bool
    ) -> None:
        """A batch: what is known is found, and the rest is stored; it may come again at once."""
        ids = [tap_id for tap_id, _, _ in taps]
        known = self._find(ids)
        fresh = [tap for tap in taps if tap[0] not in known]
        self._end(self.world.make_rows(fresh, gap), ending)
        if sent_again:
            self._find(ids)

    @rule(first=st.integers(0, 9), count=st.integers(7, 12), token=TOKENS, ending=ENDINGS)
    def burst(self, first: int, count: int, token: bytes, ending: Ending) -> None:
        """A batch that is too large to take entries along."""
        ids = [f"burst.{self.world.next_row:05}.{number}" for number in range(first, first + count)]
        assert not self._find(ids)
        self._end(self.world.make_rows([(tap_id, token, True) for tap_id in ids]), ending)

    @rule(ending=ENDINGS)
    def commit_without_taps(self, ending: Ending) -> None:
        """Reports alone, or idle compaction."""
        self._end([], ending)

    @precondition(lambda self: self.world.index.compaction.run is not None)
    @rule(is_stored=st.booleans(), burst_follows=st.booleans())
    def fail_idle_compaction(self, *, is_stored: bool, burst_follows: bool) -> None:
        """A step fails, perhaps after it was stored; nobody recovers for it."""
        self.world.finish_tasks()
        self.world.begin(())
        if is_stored:
            self.world.store(())
        else:
            self.world.writer.rollback()
        if burst_follows:
            self.burst(0, 7, bytes(16), Ending.ADDED)

    @rule(place=st.integers(0, 3))
    def go_on_beside(self, place: int) -> None:
        """One step of a thread: of recovery, of the token filter, or of sorting a run."""
        running = [task for task in self.world.tasks if task.is_running]
        if running:
            running[place % len(running)].step()

    @rule()
    def finish_beside(self) -> None:
        """All threads end."""
        self.world.finish_tasks()

    @rule()
    def compact(self) -> None:
        """It is quiet for long."""
        self.world.catch_up()
        assert self.world.index.unmerged_rows < 2 * self.world.sizes.run_rows

    @rule()
    def crash(self) -> None:
        """The process is killed."""
        self.world.crash()

    @rule()
    def recover(self) -> None:
        """A read has failed: the ledger is read again."""
        self.world.recover()

    @rule(back=st.integers(0, 30), steps=st.integers(1, 3))
    def forget(self, back: int, steps: int) -> None:
        """Retention has some rows forgotten."""
        for _ in range(steps):
            self.world.forget_some(max(0, self.world.next_row - back))

    @rule(tap_ids=st.lists(TAP_IDS, max_size=5), tokens=st.lists(TOKENS | UNSEEN, max_size=5))
    def look_up(self, tap_ids: list[str], tokens: list[bytes]) -> None:
        """Stored ones are found, others are not."""
        self._find(tap_ids)
        self._check_tokens(tokens)

    @rule(tap_id=TAP_IDS)
    def query(self, tap_id: str) -> None:
        """A query finds a tap in memory or, in a snapshot that begins afterwards, in the tables."""
        row = self.world.index.find_recent_row(tap_id)
        if row is None:
            found = self.world.reader.execute("SELECT row FROM tap_ids WHERE tap_id = ?", (tap_id,))
            row = next((row for (row,) in found), None)
        assert row == self.world.model.tap_ids.get(tap_id)

    def teardown(self) -> None:
        """Everything is found at the end, and the tables are as they should be."""
        world = self.world
        world.check_tables()
        for _ in ("as it is", "once nothing runs beside"):
            self._find([*world.model.tap_ids, "never.1", "A.999"])
            self._check_tokens([*world.model.latest, bytes(16), b"never" * 3 + b"!"])
            world.finish_tasks()
        assert self._list_rows() == sorted(world.model.rows)
        world.close()

    def _end(self, rows: list[Row], ending: Ending) -> None:
        world = self.world
        world.begin(rows)
        if ending is Ending.ROLLED_BACK:
            world.writer.rollback()
            world.recover()
        elif ending is Ending.CRASHED_BEFORE:
            world.crash()
        else:
            world.store(rows)
            if ending is Ending.ADDED:
                world.add(rows)
            elif ending is Ending.STORED_IN_DOUBT:
                world.recover()
            else:
                world.crash()

    def _find(self, tap_ids: list[str]) -> dict[str, int]:
        stored = self.world.model.tap_ids
        found = self.world.index.find_taps(tap_ids)
        assert found == {tap_id: stored[tap_id] for tap_id in tap_ids if tap_id in stored}
        return found

    def _check_tokens(self, tokens: list[bytes]) -> None:
        latest = self.world.model.latest
        found = self.world.index.find_latest(set(tokens))
        assert found == {token: latest[token] for token in tokens if token in latest}

    def _list_rows(self) -> list[int]:
        return [row for (row,) in self.world.reader.execute("SELECT row FROM taps ORDER BY row")]


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
