"""Connections to a real PostgreSQL are cut at the moment of a commit that was chosen."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fare_engine.engine import Engine
from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.ledger.sessions import parse_url
from fare_engine.states.memory import MemoryStates
from simulator.blackbox.cutting_proxy import CuttingProxy, Moment
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld
from tests.fare_engine.ports.ledger_contract import NOW_MS, make_tap, process

LONG_SECONDS = 30


class ProxiedWorld(SharedWorld):
    """A ledger behind a proxy; what is counted goes past it."""

    def __init__(self, make_database: Callable[..., str]) -> None:
        super().__init__(make_database)
        port = int(parse_url(self.url)["port"])
        self.proxy = CuttingProxy(port)
        url = self.url.replace(f":{port}/", f":{self.proxy.port}/")
        self.ledger = PostgresqlLedger(url, self.published)
        self.engine = Engine(self.ledger, MemoryStates(), self.published)
        process(self.engine, make_tap("g.1"))

    def send_while_cut(self, moment: Moment) -> object:
        """What a tap is answered whose commit is cut."""
        with ThreadPoolExecutor(1) as pool:
            cutting = pool.submit(self.proxy.cut, moment, LONG_SECONDS)
            while self.proxy.moment is None:
                assert not cutting.done()
            (answer,) = self.engine.process([make_tap("g.2", minutes=5)], NOW_MS)
            assert cutting.result()
        return answer

    def close(self) -> None:
        self.ledger.close()
        self.proxy.close()
        super().close()


@pytest.fixture
def world(make_database: Callable[..., str]) -> Iterator[ProxiedWorld]:
    found = ProxiedWorld(make_database)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("moment", "stored"), [(Moment.BEFORE, [1]), (Moment.AMID, [1, 2]), (Moment.AFTER, [2])]
)
def test_a_commit_is_cut_at_the_moment_that_was_chosen(
    world: ProxiedWorld, moment: Moment, stored: list[int]
) -> None:
    assert isinstance(world.send_while_cut(moment), LedgerUnavailable)
    assert world.count("taps") in stored
    (again,) = process(world.engine, make_tap("g.2", minutes=5))
    assert world.count("taps") == 2
    assert again.replayed == (moment is Moment.AFTER) or moment is Moment.AMID


def test_connections_are_cut_in_the_end_where_nobody_commits(world: ProxiedWorld) -> None:
    assert not world.proxy.cut(Moment.BEFORE, 0)
    (answer,) = world.engine.process([make_tap("g.2", minutes=5)], NOW_MS)
    assert isinstance(answer, LedgerUnavailable)
    process(world.engine, make_tap("g.2", minutes=5))
