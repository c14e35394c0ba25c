"""What only the ledger in PostgreSQL has: lost connections, locked chains, epochs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fare_engine.engine import LOSSES_MAX
from fare_engine.errors import LedgerDamaged, LedgerUnavailable, Outdated, Overtaken
from fare_engine.journey import BLANK
from fare_engine.ledger.conflict_rows import CONFLICTS_PER_DAY_MAX
from fare_engine.ledger.postgresql.identity import raise_epoch
from fare_engine.ledger.postgresql.ledger import BLOCK_ROWS, PostgresqlLedger
from fare_engine.ledger.sessions import OPERATOR, connect
from fare_engine.ports import Wanted
from simulator.blackbox.postgresql_server import run_server
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld
from tests.fare_engine.ports.ledger_contract import (
    ANNA,
    BERTA,
    NOW_MS,
    OPENED,
    TURNED_BACK,
    decide,
    leave,
    make_tap,
    process,
    send_report,
)
from tests.postgresql_server import Databases

KILL_WORKERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_lost_connection_is_a_commit_in_doubt_and_is_made_anew(world: SharedWorld) -> None:
    engine, _ = world.start()
    process(engine, make_tap("g.1"))
    world.execute(KILL_WORKERS)
    (result,) = engine.process([leave("g.2", 3)], NOW_MS)
    assert isinstance(result, LedgerUnavailable)
    assert engine.must_recover
    (leaving,) = process(engine, leave("g.2", 3))
    assert not leaving.replayed
    assert world.count("taps") == 2


def test_a_database_that_is_not_there_is_named(world: SharedWorld) -> None:
    url = world.url.replace("/fare_test", "/missing_fare_test")
    with pytest.raises(LedgerUnavailable, match="the database missing_fare_test"):
        PostgresqlLedger(url, world.published)


def wait_for_lock(world: SharedWorld) -> None:
    """Return once a session waits for another one."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not world.execute(query)[0][0]:
        pass


def test_a_batch_that_lost_three_times_locks_and_is_not_overtaken_again(
    world: SharedWorld,
) -> None:
    (engine, _), (other, _) = world.start(), world.start()
    batch = decide(engine, make_tap("h.1", minutes=30))
    for nth in range(1, LOSSES_MAX + 1):
        process(other, make_tap(f"g.{nth}", minutes=nth))
        with pytest.raises(Overtaken):
            engine.commit(batch)
        engine.decide_again(batch)
        assert batch.wanted.locks == (nth == LOSSES_MAX)
        engine.decide(batch, engine.load(batch), NOW_MS)
    late = decide(other, make_tap("g.9", minutes=9))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.commit, late)
        wait_for_lock(world)
        engine.commit(batch)
        engine.committed(batch)
        with pytest.raises(Overtaken):
            waiting.result()
    assert world.count("taps") == LOSSES_MAX + 1


def test_a_locked_batch_that_has_nothing_to_store_lets_go(world: SharedWorld) -> None:
    (engine, _), (other, _) = world.start(), world.start()
    tap = make_tap("g.1")
    batch = decide(engine, tap, leave("g.2", 3))
    process(other, tap, leave("g.2", 3))
    for _ in range(LOSSES_MAX):
        engine.decide_again(batch)
    engine.decide(batch, engine.load(batch), NOW_MS)
    assert batch.wanted.locks
    assert batch.is_empty()
    engine.commit(batch)
    engine.committed(batch)
    process(other, make_tap("g.3", minutes=5))


def test_the_chain_of_a_token_that_was_never_seen_is_locked_too(world: SharedWorld) -> None:
    ledger, other = world.open(), world.open()
    wanted = Wanted(tokens=[BERTA, ANNA], locks=True)
    assert ledger.load(wanted).states == {}
    with pytest.raises(LedgerUnavailable, match="lock timeout"):
        other.load(wanted)
    ledger.recover()
    other.recover()
    assert other.load(wanted).states == {}


def test_an_epoch_that_is_raised_ends_what_was_remembered(world: SharedWorld) -> None:
    engine, ledger = world.start()
    (verdict,) = process(engine, make_tap("g.1"))
    before, next_row = ledger.epoch, ledger.take_rows(1)
    ledger.recover()
    assert ledger.epoch == before
    assert ledger.take_rows(1) == next_row + 1
    with connect(world.url, OPERATOR) as connection:
        raise_epoch(connection)
    ledger.recover()
    assert ledger.epoch != before
    assert ledger.take_rows(1) == verdict.row + BLOCK_ROWS


def test_a_state_of_another_codec_is_made_again_from_its_rows(world: SharedWorld) -> None:
    engine, ledger = world.start()
    process(engine, make_tap("g.1"), make_tap("h.1", token=BERTA))
    process(engine, leave("g.2", 3))
    send_report(engine, "g.2", TURNED_BACK)
    send_report(engine, "h.1", TURNED_BACK)
    states = ledger.load(Wanted(tokens=[ANNA, BERTA])).states
    assert states[ANNA].open is not None
    assert states[BERTA] == BLANK.replace(number=2)
    world.execute(r"UPDATE heads SET state = '\x00'")
    assert ledger.load(Wanted(tokens=[ANNA, BERTA])).states == states


def test_what_pins_an_unknown_version_is_read_again_after_a_reload_or_damaged(
    world: SharedWorld,
) -> None:
    engine, ledger = world.start()
    process(engine, make_tap("g.1"))
    world.execute("UPDATE taps SET policy_version = 9")
    wanted = Wanted(tap_ids=["g.1"])
    with pytest.raises(LedgerDamaged, match="never published"):
        ledger.load(wanted)
    world.publish()
    with pytest.raises(Outdated):
        ledger.load(wanted)


def test_conflicts_of_a_key_are_kept_up_to_a_limit_a_day_and_counted(world: SharedWorld) -> None:
    engine, _ = world.start()
    process(engine, make_tap("g.1"), make_tap("g.2", token=BERTA))
    engine.process([make_tap("g.1", minutes=1)], NOW_MS)
    assert world.execute("SELECT sender, kept, left_out FROM conflict_days") == [("", 1, 0)]
    world.execute("UPDATE conflict_days SET kept = %s", CONFLICTS_PER_DAY_MAX)
    engine.process([make_tap("g.2", minutes=1)] * 2, NOW_MS)
    days = world.execute("SELECT kept, left_out FROM conflict_days")
    assert days == [(CONFLICTS_PER_DAY_MAX, 2)]
    assert world.count("conflicts") == 1


def test_a_cause_may_hold_what_no_text_of_postgresql_may(world: SharedWorld) -> None:
    engine, _ = world.start()
    process(engine, make_tap("g.1", report=OPENED.replace(cause="a\0b \\u0000 '%s'")))
    assert world.execute("SELECT cause FROM reports") == [("a\ufffdb \\u0000 '%s'",)]


def test_more_taps_than_a_block_has_rows_are_no_batch(world: SharedWorld) -> None:
    with pytest.raises(ValueError, match="10,000 taps"):
        world.open().take_rows(BLOCK_ROWS + 1)


def test_a_commit_that_no_standby_confirmed_is_in_doubt_though_it_is_reported_as_done() -> None:
    with run_server() as server:
        world = SharedWorld(Databases(server.url).make)
        engine, _ = world.start()
        process(engine, make_tap("g.1"))
        world.execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
        world.execute("SELECT pg_reload_conf()")
        batch = decide(engine, leave("g.2", 3))
        with ThreadPoolExecutor(1) as pool:
            committing = pool.submit(engine.commit, batch)
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while not (found := world.execute(waiting)):
                assert not committing.done()
            world.execute("SELECT pg_cancel_backend(%s)", *found[0])
            with pytest.raises(LedgerUnavailable, match="no standby has confirmed"):
                committing.result()
        world.close()


def test_a_server_that_may_not_be_used_any_more_is_unavailable() -> None:
    with run_server() as server:
        world = SharedWorld(Databases(server.url).make)
        engine, _ = world.start()
        process(engine, make_tap("g.1"))
        world.execute("ALTER SYSTEM SET fsync = off")
        server.stop()
        server.start()
        for _ in range(2):
            (result,) = engine.process([leave("g.2", 3)], NOW_MS)
            assert isinstance(result, LedgerUnavailable)
        assert "fsync = off" in str(result)
        world.close()
