"""Bugs that show only where several engines share a ledger and a cache.

Some are of the ledger: one comparison or one key of it is missing.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from fare_engine import reports
from fare_engine.batch import Batch
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, Outdated, Overtaken
from fare_engine.journey import BLANK, TokenState
from fare_engine.ports import START, Changes, Followed, KnownTap
from fare_engine.settlement import history
from fare_engine.settlement.history import StoredTap
from fare_engine.states.sealed import Seal
from fare_engine.tap import Report
from fare_engine.turn import Commit, Turn, Work
from simulator.deterministic.engines import caches, engine_process
from simulator.deterministic.planted.planting import Bug
from simulator.deterministic.storage.shared_disk import BLOCK_ROWS, SharedDisk
from simulator.deterministic.storage.shared_ledger import SharedLedger

ENGINES: Final = 3


class _AsksTheCacheAgain(Engine):
    """Gathers a batch that was overtaken as if for the first time."""

    def decide_again(self, batch: Batch) -> None:
        cache, self._cache = self._cache, _Unforgetting()
        super().decide_again(batch)
        self._cache = cache
        batch.cached = cache.find(batch.tokens)
        missing = batch.tokens.difference(batch.cached)
        batch.wanted = batch.wanted._replace(tokens=tuple(missing))


class _Unforgetting:
    """A cache that is not asked to forget."""

    def find(self, _tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        return {}

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Nothing is applied meanwhile."""

    def forget(self, tokens: Iterable[bytes]) -> None:
        """It stays there."""


class _CachesEarly(Engine):
    """Writes states to the cache before they are stored."""

    def commit(self, batch: Batch) -> None:
        self._cache.apply(batch.states)
        super().commit(batch)


class _KeepsAhead(Turn):
    """Commits what was decided ahead, though the batch that it stands on was decided again."""

    _kept: Batch | None = None

    def failed(self, work: Work, error: LedgerError) -> None:
        is_lost = isinstance(work, Commit) and isinstance(error, Overtaken | Outdated)
        kept = self._decided if is_lost else None
        if kept is not None:
            self._engine._uncommitted.remove(kept)
        super().failed(work, error)
        if kept is not None:
            self._engine._uncommitted.append(kept)
            self._kept = kept

    def committed(self, batch: Batch) -> None:
        super().committed(batch)
        if self._kept in self._engine._uncommitted and self._decided is None:
            self._decided, self._kept = self._kept, None


def _compare_nothing(_disk: SharedDisk, _changes: Changes) -> dict[bytes, int]:
    return {}


def _compare_moved(_disk: SharedDisk, changes: Changes) -> dict[bytes, int]:
    read = changes.read
    return {token: read[token] for token in changes.moved}


def _reverse_without_number(batch: Batch, known: KnownTap, report: Report) -> int | None:
    if report.passed is not False and report.gate_opened:
        return None
    token = known.verdict.tap.token
    state = batch.states.get(token, BLANK)
    if state.row != known.verdict.row:
        return None
    assert known.before is not None
    batch.states[token] = known.before.replace(number=state.number)
    return state.number


def _order_by_row(stored: Iterable[StoredTap]) -> list[StoredTap]:
    return sorted(stored, key=lambda one: one.row)


def _begin_block_again(ledger: SharedLedger) -> None:
    ledger.epoch = ledger.disk.epoch
    if ledger._rows:
        ledger._rows = range(max(1, ledger._rows.stop - BLOCK_ROWS), ledger._rows.stop)


def _seal_no_epoch(token_key: bytes, _epoch: str) -> Seal:
    return Seal(token_key, "")


def _follow_rows(ledger: SharedLedger, cursor: str, limit: int) -> Followed:
    after = int(cursor) if cursor != START else 0
    rows = sorted(row for row in ledger.disk.rows if row > after)[:limit]
    verdicts = [ledger.disk.rows[row].verdict for row in rows]
    return Followed(verdicts, str(rows[-1]) if rows else cursor)


def _allow(_disk: SharedDisk, _changes: Changes | Collection[object]) -> None:
    return None


def _without(description: str, name: str, replacement: object = _allow) -> Bug:
    """A ledger without one of its checks."""
    return Bug(description, Engine, SharedDisk, name, replacement, ENGINES)  # type: ignore[arg-type]


SHARING_BUGS: Final[dict[str, Bug]] = {
    "not-compared": _without("no head is compared", "_list_compared", _compare_nothing),
    "moved-compared-alone": _without(
        "only heads that move are compared", "_list_compared", _compare_moved
    ),
    "reversal-unnumbered": Bug(
        "going back takes no number",
        Engine,
        reports,
        "_reverse_passage",
        _reverse_without_number,
        ENGINES,
    ),
    "ordered-by-row": Bug(
        "settlement takes rows for the order of decisions",
        Engine,
        history,
        "_put_in_live_order",
        _order_by_row,
        ENGINES,
    ),
    "hint-believed": _without("what seems new is stored without a key", "_check_tap_ids"),
    "cache-asked-again": Bug(
        "a batch that lost asks the cache again", _AsksTheCacheAgain, engines=ENGINES
    ),
    "rows-used-again": Bug(
        "after a commit in doubt a block of rows begins anew",
        Engine,
        SharedLedger,
        "recover",
        _begin_block_again,
        ENGINES,
    ),
    "version-ignored": _without("an old version may commit", "_compare_version"),
    "epoch-unsealed": Bug(
        "the cache outlives what the ledger lost", Engine, caches, "Seal", _seal_no_epoch, ENGINES
    ),
    "cached-early": Bug("the cache is written before the commit", _CachesEarly, engines=ENGINES),
    "ahead-kept": Bug(
        "a batch stays decided when its base is decided again",
        Engine,
        engine_process,
        "Turn",
        _KeepsAhead,
        ENGINES,
    ),
    "report-completed-twice": _without("two reports of a tap both count", "_check_reports"),
    "settled-twice-at-once": _without("two runs issue the same", "_check_adjustments"),
    "followed-by-row": Bug(
        "a follower goes by rows", Engine, SharedLedger, "follow", _follow_rows, ENGINES
    ),
}
