"""`python -m benchmarks.races`: workers that decide the taps of the same few passengers at once.

Every worker has connections, an engine and a cache of its own, over one ledger in PostgreSQL. Each
tap comes to any worker, every third to two of them; batches have one tap or two, so that no other
tap has a wrong one decided again. It runs until enough commits were begun on a head that another
worker had moved, and prints what the ledger and the answers show then.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import psycopg

from fare_engine.batch import ReportSubmission, Result, Submission
from fare_engine.decision import Closing
from fare_engine.engine import Engine
from fare_engine.errors import Overtaken
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.network import Direction
from fare_engine.ports import START, Changes
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, make_published, make_token, prepare_database
from tests.postgresql_server import run_databases

TURNED_BACK: Final = Report(gate_opened=True, fare_taken=0, passed=False)
TURNED_BACK_SHARE: Final = 0.1
STEP_MS: Final = 5_000
STRETCH_TAPS: Final = 2_000
PAGE_TAPS: Final = 1_000
GATES: Final = {Direction.ENTRY: "FHY-A-01", Direction.EXIT: "FHY-C-02"}

_ENTRIES_TWICE: Final = """
    SELECT count(*) FROM (
        SELECT t.entry_row FROM taps t LEFT JOIN reports r ON r."row" = t."row" AND r.reversed = 1
        WHERE t.closing = %s AND r."row" IS NULL GROUP BY t.entry_row HAVING count(*) > 1
    ) twice
"""
_AFTER_REVERSAL: Final = """
    SELECT count(*) FROM taps t
    JOIN reports r ON r."row" = t.entry_row AND r.reversed = 1 AND r.number < t.number
    WHERE t.closing = %s
"""
_FORKS: Final = """
    SELECT coalesce(sum(total - last), 0) FROM (
        SELECT count(*) AS total, max(number) AS last FROM (
            SELECT token, number FROM taps WHERE number IS NOT NULL
            UNION ALL
            SELECT t.token, r.number FROM reports r JOIN taps t ON t."row" = r."row"
            WHERE r.number IS NOT NULL
        ) chain GROUP BY token
    ) chains WHERE total <> last
"""


class CountingLedger(PostgresqlLedger):
    """Counts the commits that were begun, and those that were overtaken."""

    commits = losses = 0

    def commit(self, changes: Changes) -> None:
        """Store all of it."""
        self.commits += 1
        try:
            super().commit(changes)
        except Overtaken:
            self.losses += 1
            raise


class Outcome(NamedTuple):
    """What a race came to: of the last five there must be none."""

    commits: int = 0
    losses: int = 0
    tries_max: int = 0
    entries_twice: int = 0
    entries_after_reversal: int = 0
    forks: int = 0
    answered_otherwise: int = 0
    not_followed: int = 0

    @property
    def wrong(self) -> int:
        """How much of it must not be."""
        return sum(self[3:])


class Worker:
    """One worker: it goes through what it was sent, and remembers every answer."""

    def __init__(self, url: str, published: Published, seed: int) -> None:
        self.ledger = CountingLedger(url, published, worker=f"worker {seed}")
        self.engine = Engine(self.ledger, MemoryStates(), published)
        self.answers: list[Verdict] = []
        self.tries_max = 0
        self._random = random.Random(seed)

    def run(self, taps: Sequence[Tap]) -> None:
        """Take all of them, in batches of one and two; now and then a passenger is turned back."""
        place = 0
        while place < len(taps):
            size = self._random.choice((1, 2))
            self._take(taps[place : place + size])
            place += size

    def _take(self, taps: Sequence[Tap]) -> None:
        now_ms = taps[-1].occurred_at_ms
        submissions: list[Submission | ReportSubmission] = [Submission(taps, now_ms, _ignore)]
        if self._random.random() < TURNED_BACK_SHARE:
            submissions.append(ReportSubmission(taps[0].tap_id, TURNED_BACK, now_ms, _ignore))
        for submission in submissions:
            self.engine.offer(submission)
        batch = self.engine.run_batch(now_ms)
        assert batch is not None
        self.tries_max = max(self.tries_max, batch.tries)
        for submission in submissions:
            for result in submission.results:
                assert isinstance(result, Verdict), result
                self.answers.append(result.replace(replayed=False))


class Race:
    """Workers over one database, and all that they were sent so far."""

    def __init__(
        self, url: str, published: Published, *, workers: int, passengers: int, seed: int = 1
    ) -> None:
        self._url = url
        self._published = published
        self._tokens = [make_token(f"passenger {number}") for number in range(passengers)]
        self._random = random.Random(seed)
        self._workers = [Worker(url, published, seed + number) for number in range(workers)]
        self._sent = 0

    @property
    def commits(self) -> int:
        """How many commits were begun."""
        return sum(worker.ledger.commits for worker in self._workers)

    @property
    def losses(self) -> int:
        """How many of them another worker was before."""
        return sum(worker.ledger.losses for worker in self._workers)

    def close(self) -> None:
        """Close the connections."""
        for worker in self._workers:
            worker.ledger.close()

    def run(self, taps: int) -> None:
        """Send so many more taps, all workers at once."""
        sent: list[list[Tap]] = [[] for _ in self._workers]
        for tap in map(self._make_tap, range(self._sent, self._sent + taps)):
            for place in self._random.sample(range(len(sent)), self._random.choice((1, 1, 2))):
                sent[place].append(tap)
        self._sent += taps
        with ThreadPoolExecutor(len(self._workers)) as pool:
            for done in [
                pool.submit(worker.run, sent[n]) for n, worker in enumerate(self._workers)
            ]:
                done.result()

    def look(self) -> Outcome:
        """What the ledger holds, and whether everyone was answered just that."""
        workers = self._workers
        stored = {verdict.tap.tap_id: verdict for verdict in self._follow()}
        answers = [answer for worker in workers for answer in worker.answers]
        consumed = int(Closing.CONSUMED)
        with psycopg.connect(self._url) as connection:
            return Outcome(
                commits=self.commits,
                losses=self.losses,
                tries_max=max(worker.tries_max for worker in workers),
                entries_twice=_count(connection, _ENTRIES_TWICE, consumed),
                entries_after_reversal=_count(connection, _AFTER_REVERSAL, consumed),
                forks=_count(connection, _FORKS),
                answered_otherwise=sum(stored.get(one.tap.tap_id) != one for one in answers),
                not_followed=_count(connection, "SELECT count(*) FROM taps") - len(stored),
            )

    def _follow(self) -> Iterator[Verdict]:
        ledger = PostgresqlLedger(self._url, self._published)
        page = ledger.follow(START, PAGE_TAPS)
        while page.verdicts:
            yield from page.verdicts
            page = ledger.follow(page.cursor, PAGE_TAPS)
        ledger.close()

    def _make_tap(self, number: int) -> Tap:
        direction = self._random.choice((Direction.ENTRY, Direction.EXIT))
        token = self._random.choice(self._tokens)
        at_ms = NOON_MS + number * STEP_MS
        tap_id = f"{GATES[direction]}.{number:08}"
        return Tap(tap_id, GATES[direction], int(direction), "tianfutong", token, at_ms)


def _count(connection: psycopg.Connection[tuple[Any, ...]], query: str, *values: int) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def _ignore(_results: list[Result]) -> None:
    pass


def main() -> None:
    """Race until enough commits have lost; print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--losses", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--passengers", type=int, default=4)
    arguments = parser.parse_args()
    with run_databases() as databases:
        url = databases.make(prepare_database)
        race = Race(
            url, make_published(), workers=arguments.workers, passengers=arguments.passengers
        )
        while race.losses < arguments.losses:
            race.run(STRETCH_TAPS)
            print(f"{race.losses:,} of {race.commits:,} commits lost", flush=True)
        outcome = race.look()
        race.close()
        databases.drop(url)
    for name, value in outcome._asdict().items():
        print(f"{name.replace('_', ' ')}: {value:,}")
    raise SystemExit(1 if outcome.wrong else 0)


if __name__ == "__main__":
    main()
