"""What is packed for PostgreSQL comes out of it as it was."""

from collections.abc import Callable, Sequence

import pytest

from fare_engine.ledger.postgresql.arrays import PACKERS, register
from fare_engine.ledger.sessions import WRITER, connect

VALUES: dict[str, Sequence[Sequence[object]]] = {
    "bytea[]": ([], [b""], [b"\0" * 16, b"a\xff"], [b"x" * 300] * 1_000),
    "text[]": ([], [""], ["孵化园", "a'\\\"%s"], ["FHY-A-01.20211124.000001"] * 1_000),
    "smallint[]": ([], [0], [-32_768, 32_767], [None], [None, 1, None], [7] * 1_000),
    "int[]": ([], [0], [-(2**31), 2**31 - 1], [None], [1, None], [7] * 1_000),
    "bigint[]": ([], [0], [-(2**63), 2**63 - 1], [None], [None, 1], [2**40] * 1_000),
}


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_arrive_as_they_were(make_database: Callable[..., str], kind: str) -> None:
    with connect(make_database(), WRITER) as connection:
        register(connection)
        for values in VALUES[kind]:
            packed = PACKERS[kind](values)
            for query in (f"SELECT %s::{kind}", "SELECT %s"):
                row = connection.execute(query.encode(), (packed,)).fetchone()
                assert row == (list(values),)


def test_every_kind_is_tested() -> None:
    assert VALUES.keys() == PACKERS.keys()
