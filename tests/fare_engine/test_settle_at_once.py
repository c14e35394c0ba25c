"""Two runs of settlement at once: the ledger takes each difference from one of them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, event

from fare_engine.ledger.database import Address, Database, open_database
from fare_engine.settle import Outcome, settle
from tests.fare_engine.settlement.settlement_table import NEXT_MORNING_MS, THE_DAY, open_metro
from tests.fare_engine.small_metro import Metro


@pytest.fixture
def metro(place: Address) -> Iterator[Metro]:
    metro = open_metro(place)
    yield metro
    metro.ledger.close()


def run(metro: Metro, database: Database) -> Outcome:
    return settle(
        database,
        lambda: metro.catalogue,
        THE_DAY,
        where=metro.ledger.where,
        actor="test",
        clock=lambda: NEXT_MORNING_MS,
    )


def test_a_difference_that_another_run_issued_meanwhile_is_not_issued_again(
    metro: Metro,
) -> None:
    metro.enter(30)  # nobody ends this journey
    database, other = open_database(metro.address), open_database(metro.address)
    outcomes: list[Outcome] = []

    def settle_first(connection: Connection) -> None:
        """Just before the first run stores what it has found, another one does all of it."""
        writes = "fare_engine_begin_immediate" in connection.get_execution_options()
        begun.append(writes)
        if writes and begun.count(True) == 2 and not outcomes:
            outcomes.append(run(metro, other))

    begun: list[bool] = []
    event.listen(database, "engine_connect", settle_first)
    try:
        late = run(metro, database)
        (early,) = outcomes
        assert [issue.adjustment.fare for issue in early.issues] == [180]
        assert late.issues == []
        assert run(metro, other).issues == []
    finally:
        database.dispose()
        other.dispose()
