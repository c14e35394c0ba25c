"""Two workers and the same passengers: what one decided is never stored over what another did."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Final

import psycopg

from benchmarks.races import Race
from fare_engine.engine import LOSSES_MAX
from fare_engine.ledger.migrations import postgresql as migrations
from tests.fare_engine.small_metro import make_published, prepare_database

TAPS: Final = 100
"""Of a stretch: the workers begin each together, so that none is far behind the other."""

STRETCHES_MAX: Final = 100
LOSSES: Final = 50
FUNCTIONS: Final = (resources.files(migrations) / "0001_functions.sql").read_text("utf-8")


@contextmanager
def racing(url: str) -> Iterator[Race]:
    """Two workers and four passengers."""
    race = Race(url, make_published(), workers=2, passengers=4)
    yield race
    race.close()


def replace_functions(url: str, *replaced: tuple[str, str]) -> None:
    """Give a database functions of the tests' own, that lack something."""
    functions = FUNCTIONS
    for before, after in replaced:
        assert functions.count(before) == 1
        functions = functions.replace(before, after)
    with psycopg.connect(url) as connection:
        connection.execute(functions.encode())


def test_nothing_is_consumed_twice_and_all_are_answered_alike(
    make_database: Callable[..., str],
) -> None:
    with racing(make_database(prepare_database)) as race:
        for _ in range(STRETCHES_MAX):
            race.run(TAPS)
            outcome = race.look()
            if outcome.wrong or outcome.losses > LOSSES:
                break
    assert outcome.losses > LOSSES, "they did not meet"
    assert outcome.wrong == 0, outcome
    # Once its tokens are locked, a batch loses only to late taps of its own: it has two.
    assert outcome.tries_max <= LOSSES_MAX + 1 + 2


def test_the_race_finds_commits_that_compare_nothing(make_database: Callable[..., str]) -> None:
    url = make_database(prepare_database)
    replace_functions(
        url,
        ("WHERE h.number = excluded.before", ""),
        ("WHERE coalesce(h.number, 0) <> r.number", "WHERE false"),
    )
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX taps_from_1_token_number")
    with racing(url) as race:
        for _ in range(STRETCHES_MAX):
            race.run(TAPS)
            outcome = race.look()
            if outcome.entries_twice and outcome.forks:
                return
    raise AssertionError(f"they met, and nothing was found: {outcome}")
