"""What is next for an engine: one commit at a time, and at most one batch decided ahead of it.

A synchronous object that every shell drives: the server's in an event loop and threads, the
simulation's in virtual time. The shell asks what is to be done, does it wherever it likes, and
says how it ended; meanwhile it may ask for more. ::

    work = turn.find_work()
    Load(batch)     loaded = engine.load(batch)      -> turn.loaded(batch, loaded, now_ms)
    Commit(batch)   engine.commit(batch)             -> turn.committed(batch)
    Reload()        read what is published now       -> turn.use(published)
    None            nothing can be done before something else ends, or more is offered

What fails is reported by `turn.failed(work, error)`, whatever the error is.
"""

from typing import Final, NamedTuple

from fare_engine.batch import Batch
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, Outdated, Overtaken
from fare_engine.ports import Loaded
from fare_engine.published import Published

AHEAD_TAPS_MIN: Final = 200
"""Fewer taps wait for the commit to end, and share the next one."""


class Load(NamedTuple):
    """Read what a batch needs."""

    batch: Batch


class Commit(NamedTuple):
    """Make a batch durable."""

    batch: Batch


class Reload(NamedTuple):
    """Read what is published now: something was, and the batch that waits must be decided by it."""


Work = Load | Commit | Reload


class Turn:
    """The order of work of one engine.

    `ahead_taps_min`: so many taps must wait that deciding them beside a commit is worth a smaller
    batch.
    """

    def __init__(self, engine: Engine, *, ahead_taps_min: int = AHEAD_TAPS_MIN) -> None:
        self._engine = engine
        self._ahead_taps_min = ahead_taps_min
        self._loading: Batch | None = None
        self._again: Batch | None = None
        self._decided: Batch | None = None
        self._committing: Batch | None = None
        self._is_outdated = False
        self._is_reloading = False
        self.is_maintaining = False

    @property
    def is_committing(self) -> bool:
        """Whether a commit or a step of maintenance is under way."""
        return self._committing is not None or self.is_maintaining

    @property
    def is_reloading(self) -> bool:
        """Whether nothing can be decided before what is published was read again."""
        return self._is_reloading

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return not (self.is_committing or self._held or self._engine.has_pending)

    @property
    def _held(self) -> Batch | None:
        """The batch that is not committed yet, wherever it stands."""
        return self._loading or self._again or self._decided

    def find_work(self) -> Work | None:
        """What is to be done now; the same is not returned twice."""
        if self.is_maintaining or self._is_reloading:
            return None
        if self._is_outdated:
            self._is_reloading = True
            return Reload()
        if self._committing is None and self._decided is not None:
            self._committing, self._decided = self._decided, None
            return Commit(self._committing)
        if self._again is not None:
            self._loading, self._again = self._again, None
            return Load(self._loading)
        if self._held is None and (self._committing is None or self._may_decide_ahead()):
            self._loading = self._engine.gather()
            return None if self._loading is None else Load(self._loading)
        return None

    def loaded(self, batch: Batch, loaded: Loaded, now_ms: int) -> None:
        """Decide a batch on what was loaded for it; LedgerError is for `failed`."""
        if batch is self._loading:  # else it was given up meanwhile
            self._engine.decide(batch, loaded, now_ms)
            self._loading, self._decided = None, batch

    def committed(self, batch: Batch) -> None:
        """A commit is durable: everyone who waited for it is answered."""
        if batch is self._committing:
            self._committing = None
        self._engine.committed(batch)

    def failed(self, work: Work, error: LedgerError) -> None:
        """Work has failed: the batch is decided again, or everyone who waits gets the error."""
        if isinstance(work, Reload):
            self._is_reloading = False  # it is tried again
            return
        if isinstance(work, Commit):
            self._committing = None  # one that goes on beside a load that failed must end first
        if not self._engine.holds(work.batch):
            return  # it was given up meanwhile
        self._loading = self._decided = None
        if isinstance(error, Overtaken | Outdated):
            self._engine.decide_again(work.batch)
            self._again = work.batch
            self._is_outdated = self._is_outdated or isinstance(error, Outdated)
        else:
            self._again = None
            self._engine.failed(work.batch, error)

    def give_up(self, error: LedgerError) -> None:
        """The work that is under way does not end: everyone who waits gets the error meanwhile.

        What it stores is found out before anything else is loaded. Its end is still to be reported.
        """
        held = self._committing or self._held
        self._loading = self._again = self._decided = None
        if held is None:
            self._engine.fail_all(error)
        else:
            self._engine.failed(held, error)

    def outdate(self) -> None:
        """Something else is published by now: it is read before anything is decided."""
        self._is_outdated = True

    def use(self, published: Published) -> None:
        """Decide by what is published now from the next batch on."""
        self._engine.use(published)
        self._is_outdated = self._is_reloading = False

    def _may_decide_ahead(self) -> bool:
        engine = self._engine
        return engine.pending_taps >= self._ahead_taps_min and not engine.must_recover
