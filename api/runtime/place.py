"""Where the ledger of this process is kept, by its settings."""

from api.runtime.settings import Settings, find_database_url
from fare_engine.ledger.place import LedgerPlace
from fare_engine.opening import make_place


def get_place(settings: Settings) -> LedgerPlace:
    """The place that the settings name; nothing of it is looked at yet."""
    return make_place(settings.data_dir, find_database_url(settings))
