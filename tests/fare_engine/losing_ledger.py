"""A real ledger in a file that loses what it is asked to lose, as one that is shared may."""

from fare_engine.errors import LedgerError
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ports import Changes, Loaded, Wanted


class LosingLedger(SqliteLedger):
    """Raises these errors instead of the next commits or loads; nothing is stored then."""

    lost_commits: list[LedgerError]
    lost_loads: list[LedgerError]

    def commit(self, changes: Changes) -> None:
        if self.lost_commits:
            raise self.lost_commits.pop(0)
        super().commit(changes)

    def load(self, wanted: Wanted) -> Loaded:
        if self.lost_loads:
            raise self.lost_loads.pop(0)
        return super().load(wanted)

    @classmethod
    def reopen(cls, ledger: SqliteLedger) -> "LosingLedger":
        """The same file, which loses nothing yet."""
        ledger.close()
        losing = cls(ledger.path, ledger._published)
        losing.lost_commits, losing.lost_loads = [], []
        return losing
