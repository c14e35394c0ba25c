"""The shared ledger of the simulation, held to what every ledger and every shared one must do."""

from pathlib import Path

from fare_engine.ports import Ledger
from fare_engine.published import Published
from simulator.deterministic.judging.invariants import list_broken
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.storage.shared_ledger import SharedLedger
from tests.fare_engine.ports.ledger_contract import LedgerContract
from tests.fare_engine.ports.shared_ledger_contract import SharedLedgerContract
from tests.fare_engine.small_metro import create_ledger_file


class TestSharedLedger(SharedLedgerContract):
    """All of it, over a disk in memory."""

    def create(self, directory: Path) -> Published:
        self.disk = SharedDisk(create_ledger_file(directory / "network.sqlite3"))
        return self.disk.published

    def open(self) -> Ledger:
        return SharedLedger(self.disk, self.published)

    def publish(self, published: Published) -> None:
        self.disk.published = published

    def count_conflicts(self, row: int) -> int:
        return self.disk.count_conflicts(row)

    def close(self) -> None:
        """Nothing came to it that only a bug can bring."""
        assert list(list_broken(self.disk)) == []


class TestLedgerOfTheOnlyEngine(LedgerContract):
    """The same as one engine uses it alone, which is never overtaken."""

    def create(self, directory: Path) -> Published:
        self.disk = SharedDisk(create_ledger_file(directory / "network.sqlite3"))
        return self.disk.published

    def open(self) -> Ledger:
        return SharedLedger(self.disk, self.published, is_alone=True)

    def count_conflicts(self, row: int) -> int:
        return self.disk.count_conflicts(row)

    def close(self) -> None:
        """Nothing came to it that only a bug can bring."""
        assert list(list_broken(self.disk)) == []
