"""The small metro that tests of engine and ledger stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fare_engine.small_metro import SmallMetro


@pytest.fixture
def metro(tmp_path: Path) -> Iterator[SmallMetro]:
    small_metro = SmallMetro(tmp_path)
    yield small_metro
    small_metro.ledger.close()
