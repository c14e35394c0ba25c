"""Two workers and the same passengers: what one decided is never stored over what another did."""

from collections.abc import Callable
from importlib import resources
from typing import Final

import psycopg

from benchmarks.races import Outcome, Race
from fare_engine.ledger.migrations import postgresql as migrations
from tests.fare_engine.small_metro import make_published, prepare_database

STRETCH_TAPS: Final = 500
STRETCHES_MAX: Final = 40
"""How often workers meet depends on the machine: they race until it was often enough."""

FUNCTIONS: Final = (resources.files(migrations) / "0001_functions.sql").read_text("utf-8")


def race(url: str, is_enough: Callable[[Outcome], bool]) -> Outcome:
    """What two workers come to with the taps of four passengers."""
    run = Race(url, make_published(), workers=2, passengers=4)
    for _ in range(STRETCHES_MAX):
        run.run(STRETCH_TAPS)
        outcome = run.look()
        if is_enough(outcome):
            break
    run.close()
    return outcome


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
    url = make_database(prepare_database)
    outcome = race(url, lambda found: found.losses > 50 or found.wrong > 0)
    assert outcome.losses > 50, "they did not meet"
    assert outcome.wrong == 0, outcome
    assert outcome.tries_max <= 5


def test_the_race_finds_commits_that_compare_nothing(make_database: Callable[..., str]) -> None:
    url = make_database(prepare_database)
    replace_functions(
        url,
        ("WHERE h.number = excluded.before", ""),
        ("WHERE coalesce(h.number, 0) <> r.number", "WHERE false"),
    )
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX taps_from_1_token_number")
    outcome = race(url, lambda found: found.entries_twice > 0 and found.forks > 0)
    assert outcome.entries_twice > 0, outcome
    assert outcome.forks > 0, outcome
