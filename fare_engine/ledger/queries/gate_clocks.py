"""What was measured of gates' clocks, read from the ledger as settlement asks for it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from fare_engine.catalogue import Catalogue
from fare_engine.ledger.database import Database, reading
from fare_engine.ledger.stores.clocks import list_measured, list_wrong_gates
from fare_engine.settlement.clocks import MeasuredClocks, Measurement, find_smallest_tolerance

GATES_REMEMBERED_MAX: Final = 200
"""Wrong clocks whose measurements are kept in memory; those of others are read again."""


def open_clocks(database: Database, catalogue: Catalogue) -> MeasuredClocks:
    """The clocks of the gates of a ledger. Which of them were ever wrong is read once, here."""
    with reading(database) as connection:
        wrong = set(
            connection.scalars(list_wrong_gates(find_smallest_tolerance(catalogue.tariffs)))
        )

    @lru_cache(GATES_REMEMBERED_MAX)
    def read_measured(number: int) -> Sequence[Measurement]:
        with reading(database) as connection:
            return list_measured(connection, number)

    def find_measured(gate_id: str) -> Sequence[Measurement]:
        gate = catalogue.gates.get(gate_id)
        return read_measured(gate.number) if gate is not None and gate.number in wrong else ()

    return MeasuredClocks(find_measured, catalogue.tariffs)
