"""One engine's view of the disk that all share, and what can go wrong between the two."""

from collections.abc import Callable

from fare_engine.catalogue import Catalogue
from fare_engine.errors import LedgerDamaged, LedgerError, LedgerUnavailable, Outdated, Overtaken
from fare_engine.journey import TokenState
from fare_engine.ports import START, Changes, Followed, KnownTap, Loaded, Wanted
from fare_engine.published import Published
from simulator.deterministic.storage.shared_disk import SharedDisk


class SharedLedger:
    """The port of a ledger (`fare_engine.ports.Ledger`) over a shared disk, of one engine.

    A tap_id that is higher than all this engine has seen of its gate and day is not looked up:
    that is a hint, and the key proves it.
    """

    maintenance = None
    may_wait = True

    def __init__(self, disk: SharedDisk, published: Published, *, is_alone: bool = False) -> None:
        """Where it `is_alone` no commit can lose, and nothing is left to hints: it is embedded."""
        self.disk = disk
        self._is_alone = is_alone
        self.use(published)
        self._rows = range(0)
        self._highest: dict[str, str] = {}
        self.epoch = disk.epoch

    def use(self, published: Published) -> None:
        """Read by what is published now."""
        self._published = published

    def take_rows(self, count: int) -> int:
        """Rows out of this engine's block, or the first of another one."""
        if len(self._rows) < count:
            self._rows = self.disk.take_block(count)
        first, self._rows = self._rows[0], self._rows[count:]
        return first

    def load(self, wanted: Wanted) -> Loaded:
        """Read at one moment what a batch needs."""
        disk, reported = self.disk, set(wanted.reported)
        known: dict[str, KnownTap] = {}
        tokens = set(wanted.tokens)
        for tap_id in wanted.tap_ids:
            is_reported = tap_id in reported
            if not self._seems_new(tap_id) or is_reported:
                found = disk.find_known(tap_id, is_reported)
                if found is not None:
                    known[tap_id] = found
                    if is_reported:
                        tokens.add(found.verdict.tap.token)
        heads = disk.heads
        states = {token: heads[token] for token in tokens if token in heads}
        if disk.published.version != self._published.version:
            _check_versions(states, self._published.catalogue)
        codes = {code: disk.get_use(code) for code in wanted.code_ids if code in disk.codes}
        return Loaded(known, states, codes, disk.published.version)

    def commit(self, changes: Changes) -> None:
        """Store all of it in one transaction."""
        try:
            self.disk.commit(changes)
        except Overtaken as error:
            if self._is_alone:
                self.disk.broken.append(f"the only engine was overtaken: {error}")
            raise

    def confirm(self) -> None:
        """What is committed is found already."""

    def recover(self) -> None:
        """Connect again: to the epoch of now, whose rows may be given anew."""
        if self.epoch != self.disk.epoch:
            self.epoch = self.disk.epoch
            self._rows = range(0)

    def follow(self, cursor: str, limit: int) -> Followed:
        """What was committed since a cursor, in the order of commits."""
        disk = self.disk
        place = int(cursor) if cursor != START else 0
        rows = disk.log[place : place + limit]
        return Followed([disk.rows[row].verdict for row in rows], str(place + len(rows)))

    def read_published(self) -> Published:
        """What is published now."""
        return self.disk.published

    def _seems_new(self, tap_id: str) -> bool:
        if self._is_alone:
            return False
        prefix = tap_id.rpartition(".")[0]
        if tap_id > self._highest.get(prefix, ""):
            self._highest[prefix] = tap_id
            return True
        return False


def _check_versions(states: dict[bytes, TokenState], catalogue: Catalogue) -> None:
    """Whether this engine knows what the states pin; else something was published meanwhile."""
    for state in states.values():
        if state.open is not None:
            terms = state.open.terms
            version = terms.policy.version if terms.policy else None
            key = (
                state.open.station_id,
                version,
                terms.suspended,
                terms.tariff.version,
                terms.modes,
            )
            try:
                catalogue.get_terms(key)
            except LedgerDamaged as error:
                raise Outdated(str(error)) from error


class CutLedger(SharedLedger):
    """A ledger whose connection is lost now and then.

    `later` has something done after a while, whatever becomes of this engine.
    """

    def __init__(
        self,
        disk: SharedDisk,
        published: Published,
        later: Callable[[Callable[[], None]], None],
        *,
        is_alone: bool,
    ) -> None:
        super().__init__(disk, published, is_alone=is_alone)
        self._later = later
        self.cuts: list[str] = []
        """What will be cut next (`scenario.CUTS`)."""

    def load(self, wanted: Wanted) -> Loaded:
        """Read, if the connection holds."""
        self._check_connection()
        if self._is_cut("load"):
            raise LedgerUnavailable("the connection was lost while reading")
        return super().load(wanted)

    def commit(self, changes: Changes) -> None:
        """Store, or not, and perhaps not know."""
        self._check_connection()
        if self._is_cut("before"):
            raise LedgerUnavailable("the ledger did not take it")
        if self._is_cut("late"):
            self._later(lambda: self._commit_lost(changes))
            raise LedgerUnavailable("the connection was lost in the commit")
        if self._is_cut("after"):
            self._commit_lost(changes)
            raise LedgerUnavailable("the ledger did not confirm it")
        super().commit(changes)

    def read_published(self) -> Published:
        """Read, if the connection holds."""
        self._check_connection()
        if self._is_cut("load"):
            raise LedgerUnavailable("the connection was lost while reading")
        return super().read_published()

    def _commit_lost(self, changes: Changes) -> None:
        """The statement ends, and nobody gets to know how."""
        try:
            if self.epoch == self.disk.epoch:
                self.disk.commit(changes)
        except LedgerError:
            pass

    def _check_connection(self) -> None:
        if self.epoch != self.disk.epoch:
            raise LedgerUnavailable("the ledger is another machine by now")

    def _is_cut(self, how: str) -> bool:
        if how not in self.cuts:
            return False
        self.cuts.remove(how)
        return True
