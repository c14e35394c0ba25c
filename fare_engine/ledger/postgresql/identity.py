"""Which ledger a connection leads to, and in which epoch of its life.

An epoch is a stretch in which nothing that was acknowledged is lost. A promotion, a restore and a
rolled back snapshot of the disk begin another one (the last by `raise_epoch`, since nothing else
shows it): what was remembered before, in caches and cursors, may not be in the ledger any more.
"""

from typing import Final

from fare_engine.ledger.sessions import Connection

# The timeline of the log that is being written: that of the last checkpoint is older for a while
# after a promotion.
_READ: Final = """
    SELECT i.ledger_id, s.system_identifier, i.epoch,
        substring(pg_walfile_name(pg_current_wal_lsn()) FOR 8)
    FROM identity i, pg_control_system() s
"""
_RAISE: Final = "UPDATE identity SET epoch = epoch + 1"
_SET_BACK: Final = "UPDATE batches SET xid = '3'"


def read_epoch(connection: Connection) -> str:
    """The epoch of the ledger: other text after a promotion or a restore."""
    row = connection.execute(_READ, prepare=False).fetchone()
    assert row is not None, "identity has one row"
    ledger_id, system, epoch, timeline = row
    return f"{ledger_id}.{system}.{timeline}.{epoch}"


def raise_epoch(connection: Connection) -> None:
    """Begin another epoch, after the ledger was restored, before any worker starts on it.

    A server that was made anew counts its transactions anew too: those of before come first.
    """
    with connection.transaction():
        connection.execute(_RAISE)
        connection.execute(_SET_BACK)
