"""After another machine has taken the ledger, no engine believes what its cache had before."""

from pathlib import Path

from fare_engine.engine import Engine
from fare_engine.errors import LedgerUnavailable
from fare_engine.states.sealed import Seal, SealedStates
from simulator.deterministic.engines.caches import SharedStates
from simulator.deterministic.judging.invariants import list_broken
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.storage.shared_ledger import CutLedger
from tests.fare_engine.ports.ledger_contract import BERTA, NOW_MS, leave, make_tap, process
from tests.fare_engine.small_metro import create_ledger_file
from tests.fare_engine.states.test_sealed import DictStore


def open_engine(disk: SharedDisk, store: DictStore) -> Engine:
    ledger = CutLedger(disk, disk.published, lambda lost: None, is_alone=False)
    sealed = SealedStates(store, Seal(b"k" * 32, ""), lambda: disk.published.catalogue)
    cache = SharedStates(sealed, ledger, lambda write: write())
    return Engine(ledger, cache, disk.published)


def test_a_life_that_the_ledger_has_lost_is_not_found_in_the_cache(tmp_path: Path) -> None:
    disk = SharedDisk(create_ledger_file(tmp_path / "ledger.sqlite3"))
    store = DictStore()
    engine = open_engine(disk, store)
    process(engine, make_tap("g.1"))
    disk.lose(1)
    disk.epoch += 1
    elsewhere = open_engine(disk, DictStore())
    process(elsewhere, make_tap("h.1", "CXL-A-01", 1))  # the same number once more

    (unanswered,) = engine.process([make_tap("g.2", token=BERTA)], NOW_MS)
    assert isinstance(unanswered, LedgerUnavailable)
    (leaving,) = process(engine, leave("g.3", 2))
    entry = leaving.decision.entry
    assert entry is not None
    assert entry.tap_id == "h.1"
    assert list(list_broken(disk)) == []
