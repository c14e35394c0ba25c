"""What must hold of the disk whatever the rule says, told without the auditor and the rule.

A consumed entry is one that some exit closed; a tap that nobody went through closed nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from fare_engine.decision import Closing
from simulator.deterministic.memory_ledger import Disk


def list_broken(
    disk: Disk, acknowledged: Iterable[str], conflicted: Iterable[str]
) -> Iterator[str]:
    """Every invariant that does not hold, in a line."""
    yield from _list_consumed_twice(disk)
    stored = Counter(step[0].tap.tap_id for step in disk.rows)
    for tap_id, times in stored.items():
        if times > 1:
            yield f"stored {times} times: {tap_id}"
    for tap_id in acknowledged:
        if tap_id not in stored:
            yield f"acknowledged and not stored: {tap_id}"
    recorded = {disk.rows[conflict.row - 1][0].tap.tap_id for conflict in disk.conflicts}
    for tap_id in conflicted:
        if tap_id not in recorded:
            yield f"refused as a conflict and not recorded: {tap_id}"


def _list_consumed_twice(disk: Disk) -> Iterator[str]:
    consumed: Counter[str] = Counter()
    for verdict, before, after, _ in disk.rows:
        entry, report = verdict.decision.entry, disk.reports.get(verdict.row)
        stands = after is not before and not (report is not None and report.reversed)
        if entry is not None and stands and verdict.decision.closing is Closing.CONSUMED:
            consumed[entry.tap_id] += 1
    for tap_id, times in consumed.items():
        if times > 1:
            yield f"consumed {times} times: {tap_id}"
