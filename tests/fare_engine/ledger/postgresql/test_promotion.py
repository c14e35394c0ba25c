"""A primary is lost and its standby promoted: what was acknowledged is there, and nothing else is.

What was remembered in the life before is believed no more, neither by caches nor by cursors.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from contextlib import contextmanager
from typing import Final, NamedTuple

import pytest

from fare_engine.engine import Engine
from fare_engine.errors import EpochEnded, LedgerUnavailable
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.ports import START, Wanted
from fare_engine.states.sealed import SealedStates
from fare_engine.verdict import Verdict
from simulator.blackbox.postgresql_binaries import make_folder
from simulator.blackbox.postgresql_server import PostgresqlServer, list_hosts
from tests.fare_engine.ports.ledger_contract import (
    ANNA,
    BERTA,
    NOW_MS,
    decide,
    leave,
    make_tap,
    process,
)
from tests.fare_engine.small_metro import make_published, prepare_database
from tests.fare_engine.states.test_sealed import DictStore, make_cache

TAPS: Final = (make_tap("g.1"), leave("g.2", 3), make_tap("h.1", token=BERTA))


class Pair:
    """A primary with a synchronous standby, a ledger that knows both, and its engine."""

    def __init__(self, primary: PostgresqlServer, standby: PostgresqlServer) -> None:
        self.primary, self.standby = primary, standby
        self.published = make_published()
        url = list_hosts(primary.database, [primary.port, standby.port])
        self.ledger = PostgresqlLedger(url, self.published)
        self.store = DictStore()
        self.engine = Engine(self.ledger, self.open_cache(), self.published)

    def open_cache(self) -> SealedStates:
        """The cache of token states, sealed for the epoch in which the ledger is."""
        return make_cache(self.store, self.published.catalogue, epoch=self.ledger.epoch)

    def fail_over(self) -> None:
        """Lose the primary, and promote the standby."""
        self.primary.kill()
        self.standby.promote()
        self.ledger.recover()


@contextmanager
def run_pair() -> Iterator[Pair]:
    with make_folder() as folder:
        primary = PostgresqlServer(folder)
        primary.start()
        try:
            prepare_database(primary.url)
            standby = primary.make_standby()
            try:
                pair = Pair(primary, standby)
                yield pair
                pair.ledger.close()
            finally:
                standby.stop()
        finally:
            primary.stop()


class Promoted(NamedTuple):
    """A pair whose standby is the primary now, and how it was before."""

    pair: Pair
    verdicts: list[Verdict]
    epochs: list[str]
    cursor: str


@pytest.fixture(scope="module")
def promoted() -> Iterator[Promoted]:
    """Taps are answered, the primary is killed and restarted, then lost."""
    with run_pair() as pair:
        verdicts = process(pair.engine, *TAPS)
        epochs, cursor = [pair.ledger.epoch], pair.ledger.follow(START, 10).cursor
        pair.primary.kill()
        pair.primary.start()
        pair.ledger.recover()
        epochs.append(pair.ledger.epoch)
        assert {*pair.open_cache().find([ANNA, BERTA])} == {ANNA, BERTA}
        pair.fail_over()
        epochs.append(pair.ledger.epoch)
        yield Promoted(pair, verdicts, epochs, cursor)


def test_all_that_was_acknowledged_is_there_after_a_promotion(promoted: Promoted) -> None:
    pair, verdicts = promoted.pair, promoted.verdicts
    assert list(pair.ledger.follow(START, 10).verdicts) == verdicts
    assert process(pair.engine, *TAPS) == [one.replace(replayed=True) for one in verdicts]
    states = pair.ledger.load(Wanted(tokens=[ANNA, BERTA])).states
    assert states[ANNA].open is None
    assert states[BERTA].open is not None


def test_a_promotion_begins_another_epoch_and_a_restart_does_not(promoted: Promoted) -> None:
    before, restarted, after = promoted.epochs
    assert before == restarted != after


def test_states_that_were_remembered_before_a_promotion_are_forgotten(promoted: Promoted) -> None:
    assert ANNA in promoted.pair.store.values
    assert promoted.pair.open_cache().find([ANNA, BERTA]) == {}


def test_a_cursor_of_before_a_promotion_ends(promoted: Promoted) -> None:
    with pytest.raises(EpochEnded):
        promoted.pair.ledger.follow(promoted.cursor, 10)


def test_a_row_is_not_used_again_after_a_promotion(promoted: Promoted) -> None:
    (later,) = process(promoted.pair.engine, leave("h.2", 3, BERTA))
    assert later.row > max(one.row for one in promoted.verdicts)


def test_what_no_standby_has_is_answered_by_a_restarted_primary_once_the_standby_has_it() -> None:
    """Else it would be acknowledged, and lost with the primary."""
    with run_pair() as pair, ThreadPoolExecutor(1) as pool:
        process(pair.engine, make_tap("g.1"))
        pair.standby.stop()
        batch = decide(pair.engine, leave("g.2", 3))
        committing = pool.submit(pair.engine.commit, batch)
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not pair.primary.execute(waiting):
            assert not committing.done()
        pair.primary.kill()
        error = committing.exception()
        assert isinstance(error, LedgerUnavailable)
        pair.engine.failed(batch, error)
        pair.primary.start()
        assert pair.primary.execute("SELECT count(*) FROM tap_ids") == [(2,)]
        answering = pool.submit(pair.engine.process, [leave("g.2", 3)], NOW_MS)
        with pytest.raises(StillRunning):
            answering.result(0.5)
        pair.standby.start()
        (known,) = answering.result()
        pair.fail_over()
        assert process(pair.engine, leave("g.2", 3)) == [known]
