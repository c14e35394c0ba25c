"""The shared ledger answers as the real one does, and takes from several engines what fits."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fare_engine.batch import ReportSubmission, Result, Submission
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError, LedgerUnavailable, Outdated, Overtaken
from fare_engine.journey import Terms, TokenState
from fare_engine.ports import START, Ledger, Wanted
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from simulator.deterministic.chains import is_same
from simulator.deterministic.invariants import list_broken
from simulator.deterministic.shared_disk import SharedDisk
from simulator.deterministic.shared_ledger import CutLedger, SharedLedger
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

GATES = [("FHY-A-01", "entry"), ("FHY-C-02", "exit"), ("FHY-B-03", "exit"), ("CXL-A-01", "entry")]
LATER_MS = NOON_MS + 3_600_000


@pytest.mark.parametrize("seed", range(8))
def test_both_ledgers_lead_to_the_same_answers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    metro = SmallMetro(tmp_path, run_rows=10)
    disk = SharedDisk(metro.catalogue)
    in_memory = open_engine(disk)
    taps: list[Tap] = []
    minutes = 0.0
    for _ in range(60):
        minutes += chance.choice((-0.6, 0.0, 0.4, 3.0))
        if chance.random() < 0.15:  # both start again on what is stored
            metro.restart()
            in_memory = open_engine(disk)
        if taps and chance.random() < 0.3:
            report = Report(chance.random() < 0.9, 0, chance.choice((None, True, False)))
            tap_id = chance.choice(taps[-6:]).tap_id
            told = [report_to(engine, tap_id, report) for engine in (metro.engine, in_memory)]
        else:
            batch = [draw_tap(chance, metro, minutes, taps) for _ in range(chance.randint(1, 3))]
            taps += batch
            told = [tell(engine.process(batch, LATER_MS)) for engine in (metro.engine, in_memory)]
        assert told[0] == told[1]
    for one in disk.rows.values():
        tap_id, token = one.verdict.tap.tap_id, one.verdict.tap.token
        real, simulated = (
            ledger.load(Wanted((tap_id,), (tap_id,), (token,)))
            for ledger in (metro.ledger, SharedLedger(disk, metro.published))
        )
        assert tell([real.known[tap_id].verdict]) == tell([one.verdict])
        reports = [loaded.known[tap_id].report for loaded in (real, simulated)]
        assert len({report and report.replace(row=0) for report in reports}) == 1
        assert list(map(without_row, real.states.values())) == list(
            map(without_row, simulated.states.values())
        )
    assert list(list_broken(disk)) == []
    metro.ledger.close()


def open_engine(disk: SharedDisk, *, is_alone: bool = False) -> Engine:
    ledger = SharedLedger(disk, disk.published, is_alone=is_alone)
    return Engine(ledger, MemoryStates(), disk.published)


def draw_tap(chance: random.Random, metro: SmallMetro, minutes: float, taps: list[Tap]) -> Tap:
    if taps and chance.random() < 0.15:
        again = chance.choice(taps)
        return again if chance.random() < 0.5 else again.replace(occurred_at_ms=1)
    gate_id, direction = chance.choice(GATES)
    return metro.tap(gate_id, direction, minutes, token=chance.choice(("anna", "boli")))


def report_to(engine: Engine, tap_id: str, report: Report) -> list[object]:
    submission = ReportSubmission(tap_id, report, NOON_MS, lambda _results: None)
    engine.offer(submission)
    engine.run_batch(NOON_MS)
    return tell(submission.results)


def tell(results: list[Result]) -> list[object]:
    """What an answer tells of a result; rows follow from nothing, so they may differ."""
    return [
        result.code
        if isinstance(result, FareEngineError)
        else (
            result.tap.tap_id,
            result.decision.replace(
                entry=result.decision.entry and result.decision.entry.replace(row=0)
            ),
            result.station_id,
            result.replayed,
        )
        for result in results
    ]


def without_row(state: TokenState) -> TokenState:
    return state.replace(row=0, open=state.open and state.open.replace(row=0))


class Race:
    """Two engines over one disk that decide on the same states."""

    def __init__(self, metro: SmallMetro) -> None:
        self.metro = metro
        self.disk = SharedDisk(metro.catalogue)
        self.engines = [open_engine(self.disk), open_engine(self.disk)]

    def decide(self, *taps: Tap) -> list[Result]:
        return self.engines[0].process(taps, LATER_MS)

    def race(self, *submissions: Tap | tuple[str, Report]) -> FareEngineError | None:
        """Both decide one each; the first commits, and then the second, or how that fails."""
        batches = []
        for engine, one in zip(self.engines, submissions, strict=True):
            if isinstance(one, Tap):
                self.offer(engine, one)
            else:
                engine.offer(ReportSubmission(*one, LATER_MS, lambda _results: None))
            batch = engine.gather()
            assert batch is not None
            engine.decide(batch, engine.load(batch), LATER_MS)
            batches.append(batch)
        self.engines[0].commit(batches[0])
        try:
            self.engines[1].commit(batches[1])
        except FareEngineError as error:
            return error
        return None

    @staticmethod
    def offer(engine: Engine, tap: Tap) -> None:
        engine.offer(Submission((tap,), LATER_MS, lambda _results: None))


@pytest.fixture
def race(tmp_path: Path) -> Race:
    metro = SmallMetro(tmp_path)
    metro.ledger.close()
    return Race(metro)


def test_of_two_taps_of_a_token_decided_at_once_one_is_overtaken(race: Race) -> None:
    metro = race.metro
    taps = metro.tap("FHY-A-01", "entry", 1), metro.tap("FHY-A-01", "entry", 2)
    assert isinstance(race.race(*taps), Overtaken)
    assert len(race.disk.rows) == 1


def test_taps_of_two_tokens_do_not_meet(race: Race) -> None:
    metro = race.metro
    taps = metro.tap("FHY-A-01", "entry", 1), metro.tap("FHY-A-01", "entry", 1, token="boli")
    assert race.race(*taps) is None
    assert {one.verdict.row for one in race.disk.rows.values()} == {1, 41}


def test_a_tap_that_changes_no_state_is_overtaken_as_well(race: Race) -> None:
    metro = race.metro
    race.decide(metro.tap("FHY-A-01", "entry", 30))
    late = metro.tap("FHY-A-01", "entry", 1)
    assert isinstance(race.race(metro.tap("FHY-C-02", "exit", 31), late), Overtaken)


def test_the_same_tap_at_two_engines_is_stored_once(race: Race) -> None:
    late = race.metro.tap("FHY-A-01", "entry", 1)
    race.decide(race.metro.tap("FHY-A-01", "entry", 30))
    assert isinstance(race.race(late, late), Overtaken)


def test_of_two_first_reports_one_is_overtaken(race: Race) -> None:
    tap = race.metro.tap("FHY-A-01", "entry", 1)
    race.decide(tap, race.metro.tap("FHY-A-01", "entry", 2))
    passed, shut = Report(True, 0, True), Report(True, 0, False)
    assert isinstance(race.race((tap.tap_id, passed), (tap.tap_id, shut)), Overtaken)


def test_a_report_is_completed_once(race: Race) -> None:
    tap = race.metro.tap("FHY-A-01", "entry", 1, report=Report(True, 0))
    race.decide(tap, race.metro.tap("FHY-A-01", "entry", 2))
    passed, shut = Report(True, 0, True), Report(True, 0, False)
    assert isinstance(race.race((tap.tap_id, passed), (tap.tap_id, shut)), Overtaken)
    assert race.disk.reports[1].report == passed


def test_a_report_that_takes_a_tap_back_overtakes_who_holds_the_state_of_before(
    race: Race,
) -> None:
    entry = race.metro.tap("FHY-A-01", "entry", 1)
    race.decide(entry)
    leaves = race.metro.tap("FHY-C-02", "exit", 2)
    assert isinstance(race.race((entry.tap_id, Report(True, 0, False)), leaves), Overtaken)
    assert race.disk.heads[entry.token].number == 2


def test_what_was_decided_before_a_publication_is_not_stored_after_it(race: Race) -> None:
    metro, disk = race.metro, race.disk
    engine = race.engines[0]
    race.offer(engine, metro.tap("FHY-A-01", "entry", 1))
    batch = engine.gather()
    assert batch is not None
    engine.decide(batch, engine.load(batch), LATER_MS)
    disk.published = Published(2, metro.catalogue)
    with pytest.raises(Outdated):
        engine.commit(batch)
    assert not disk.rows


def test_the_only_engine_is_never_overtaken(race: Race) -> None:
    race.engines = [race.engines[0], open_engine(race.disk, is_alone=True)]
    race.race(race.metro.tap("FHY-A-01", "entry", 1), race.metro.tap("FHY-A-01", "entry", 2))
    (broken,) = list_broken(race.disk)
    assert broken.startswith("the only engine was overtaken")


def test_a_follower_sees_everything_once_in_the_order_of_commits(race: Race) -> None:
    for minutes in range(5):
        tap = race.metro.tap("FHY-A-01", "entry", minutes)
        race.engines[minutes % 2].process((tap,), LATER_MS)
    ledger: Ledger = SharedLedger(race.disk, race.disk.published)
    first = ledger.follow(START, 3)
    rest = ledger.follow(first.cursor, 100)
    rows = [verdict.row for verdict in (*first.verdicts, *rest.verdicts)]
    assert rows == race.disk.log
    assert rows != sorted(rows)
    assert len(rows) == 5
    assert not ledger.follow(rest.cursor, 100).verdicts


def test_what_a_failover_loses_is_gone_whole(race: Race) -> None:
    metro, disk = race.metro, race.disk
    entry, leaves = metro.tap("FHY-A-01", "entry", 1), metro.tap("FHY-C-02", "exit", 2)
    race.decide(entry)
    state = disk.heads[entry.token]
    race.decide(leaves)
    disk.lose(1)
    assert disk.heads == {entry.token: state}
    assert list(disk.tap_ids) == [entry.tap_id]
    assert disk.log == [1]


@pytest.mark.parametrize(("how", "stored"), [("before", 0), ("after", 1), ("late", 0)])
def test_a_commit_whose_connection_is_lost_is_stored_or_not_and_nobody_knows(
    race: Race, how: str, stored: int
) -> None:
    later: list[Callable[[], None]] = []
    ledger = CutLedger(race.disk, race.disk.published, later.append, is_alone=False)
    ledger.cuts.append(how)
    engine = Engine(ledger, MemoryStates(), race.disk.published)
    (result,) = engine.process([race.metro.tap("FHY-A-01", "entry", 1)], LATER_MS)
    assert isinstance(result, LedgerUnavailable)
    assert len(race.disk.rows) == stored
    for lost in later:
        lost()
    assert len(race.disk.rows) == (how != "before")


def test_states_are_the_same_though_their_terms_are_other_objects(race: Race) -> None:
    tap = race.metro.tap("FHY-A-01", "entry", 1)
    race.decide(tap)
    state = race.disk.heads[tap.token]
    assert state.open is not None
    other = state.replace(open=state.open.replace(row=9))
    terms = state.open.terms
    alike = Terms(terms.tariff, terms.policy, terms.suspended, terms.modes)
    assert is_same(state, state.replace(open=state.open.replace(terms=alike)))
    assert not is_same(state, other)
