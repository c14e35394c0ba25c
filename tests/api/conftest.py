"""The small metro, for tests of what the API makes of its verdicts."""

from tests.fare_engine.conftest import metro

__all__ = ["metro"]
