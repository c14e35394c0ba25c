"""What must hold of the disk whatever the rule says, without the auditor and the rule.

A consumed entry is one that some exit closed; a tap that nobody went through closed nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from fare_engine.decision import Closing
from simulator.deterministic.storage.chains import list_broken_chains
from simulator.deterministic.storage.shared_disk import SharedDisk


def list_broken(disk: SharedDisk) -> Iterator[str]:
    """Every invariant of chains that does not hold, in a line; also where commits were lost."""
    yield from disk.broken
    yield from list_broken_chains(disk.heads, disk.rows, disk.reports)
    yield from _list_consumed_twice(disk)
    for stored in disk.batches:
        if stored.changes.version < stored.configured:
            yield f"decided by version {stored.changes.version}, stored at {stored.configured}"


def list_lost(
    disk: SharedDisk, acknowledged: Iterable[str], conflicted: Iterable[str]
) -> Iterator[str]:
    """What was acknowledged and is not stored."""
    for tap_id in acknowledged:
        if tap_id not in disk.tap_ids:
            yield f"acknowledged and not stored: {tap_id}"
    recorded = {conflict.tap_id for conflict in disk.conflicts}
    for tap_id in conflicted:
        if tap_id not in recorded:
            yield f"refused as a conflict and not recorded: {tap_id}"


def _list_consumed_twice(disk: SharedDisk) -> Iterator[str]:
    """Entries that two exits consumed, or one after a report had taken the entry back."""
    consumed: Counter[str] = Counter()
    for one in disk.rows.values():
        verdict = one.verdict
        entry, report = verdict.decision.entry, disk.reports.get(verdict.row)
        if entry is None or verdict.decision.closing is not Closing.CONSUMED:
            continue
        if one.after is one.before:
            continue
        if report is None or not report.reversed:
            consumed[entry.tap_id] += 1
        taken_back = disk.reports.get(entry.row)
        number = None if taken_back is None else taken_back.number
        if number is not None and number <= one.after.number:
            yield f"consumed after it was taken back: {entry.tap_id}"
    for tap_id, times in consumed.items():
        if times > 1:
            yield f"consumed {times} times: {tap_id}"
