"""Where a ledger is kept, and what a process gets that opens it, whatever the database is.

Each backend has one class of both kinds. The embedded ledger is a file in a data directory that one
process holds; one in a database server is shared, and its data directory holds the token key alone.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from fare_engine.ledger.database import Database
from fare_engine.ledger.where import Where
from fare_engine.ports import Ledger
from fare_engine.published import Published


class Figure(NamedTuple):
    """A figure that one kind of ledger alone has, for the metrics of its server."""

    name: str
    help_text: str
    value: float
    is_counter: bool = False


class Probe(Protocol):
    """Finds out whether a tap would be stored now, without one; for one thread at a time."""

    def read(self) -> None:
        """LedgerUnavailable where the ledger cannot be read."""

    def write(self) -> None:
        """LedgerUnavailable where nothing can be made durable, so a tap would fail too."""

    def close(self) -> None:
        """Give its connection back; nothing may run."""


class Watch(Protocol):
    """Finds out what other processes publish; for one thread."""

    def wait(self) -> int:
        """The version of what is published, once there is another one or a moment has passed.

        LedgerUnavailable where it cannot be read; the next call tries again.
        """

    def close(self) -> None:
        """Give its connection back; nothing may run."""


class OpenLedger(Ledger, Protocol):
    """A ledger that a process has opened: what the engine asks of it, and what its server asks."""

    @property
    def is_local(self) -> bool:
        """Whether this process alone writes it, and reads it without waiting for a network."""

    @property
    def where(self) -> Where:
        """Finds taps for queries beside the engine."""

    @property
    def damage(self) -> str | None:
        """What was found damaged, once it was; a backup has to be restored."""

    def check_files(self) -> None:
        """Raise LedgerLost where what is written does not stand where the next start looks."""

    def open_probe(self) -> Probe:
        """A probe with a connection of its own."""

    def open_watch(self) -> Watch | None:
        """A watch with a connection of its own; None where nobody else publishes anything."""

    def probed(self) -> None:
        """A probe has written something."""

    def list_figures(self) -> list[Figure]:
        """Its own figures for the metrics."""

    def describe_index(self) -> str:
        """How taps and tokens are found at present, for `/readyz`."""

    def close(self) -> None:
        """Give everything back."""


class Hold(Protocol):
    """A place while this process uses it."""

    def announce(self, url: str | None) -> None:
        """Let operators' commands find the server that this process is."""


class LedgerPlace(Protocol):
    """Where a ledger is kept: the data directory, and the database behind or beside it."""

    path: Path

    def open(self) -> Self:
        """This place, once all of it was found to be there and closed to others.

        DataDirectoryMissing, FileInvalid or ConfigurationError says what is wrong.
        """

    def create_ledger(self) -> AbstractContextManager[Database]:
        """Make the place, with a token key and a database that the block fills.

        When the block fails the place is left as it was. DataDirectoryUsed where there is a ledger.
        """

    def lock(self, purpose: str) -> AbstractContextManager[Hold]:
        """Use it; DataDirectoryInUse where only one process may, and another one does."""

    def open_database(self) -> Database:
        """The database, which must exist; nothing is read yet."""

    def open_ledger(self, published: Published) -> OpenLedger:
        """The ledger, for an engine; LedgerUnavailable where it cannot be read."""

    def check_whole(self) -> None:
        """Raise LedgerIncomplete where what was acknowledged is missing; it must be locked."""

    def check_storage(self, warnings: list[str]) -> None:
        """Raise what would keep a server from starting, or from storing any tap."""

    def list_warnings(self) -> list[str]:
        """What keeps nothing from working, and should be put right."""

    def read_token_key(self) -> bytes:
        """The key that turns media into tokens; FileInvalid when the file is not as written."""

    def get_token_key_changed_ms(self) -> int:
        """When the file of the key was changed last, milliseconds since 1970."""
