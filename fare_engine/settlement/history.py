"""One token's taps in the order in which settlement decides them again."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fare_engine.decision import REFUSALS, Reason
from fare_engine.journey import Terms
from fare_engine.network import Gate
from fare_engine.tap import Report, Tap


class StoredTap(NamedTuple):
    """A tap as the ledger has it, but for its time: `tap.occurred_at_ms` is the corrected time.

    `skew_ms` is what was taken off the gate's time for that. `gate` stands at the station it had
    at the tap. `terms` are in force for the tap itself: those its row pins, where it pins its own.
    `reason` and `fare` are the first decision; `report` is what the gate said it did, then or
    later, None where it said nothing. `number` is its place in its token's chain, None where it
    changed no state; `previous_row` made the state that it found, None where the ledger did not
    keep that yet. `decided_at_ms` is the engine's clock at the first decision.
    """

    row: int
    tap: Tap
    gate: Gate
    terms: Terms
    reason: Reason
    fare: int
    report: Report | None = None
    number: int | None = None
    previous_row: int | None = None
    decided_at_ms: int = 0
    skew_ms: int = 0

    @property
    def collected(self) -> int:
        """What the gate took, in fen: as it reported, or as it was answered."""
        return self.fare if self.report is None else self.report.fare_taken

    @property
    def is_unpassed(self) -> bool:
        """Whether the gate reported that nobody went through."""
        report = self.report
        return report is not None and (report.passed is False or not report.gate_opened)

    @property
    def is_refused(self) -> bool:
        """Whether its medium was refused and the gate did not open all the same.

        An invalid ride code names nobody, so that nobody's journey can be made of it.
        """
        if self.reason not in REFUSALS:
            return False
        report = self.report
        opened = report is not None and report.gate_opened and report.passed is not False
        return self.reason is Reason.RIDE_CODE_INVALID or not opened


def put_in_order(stored: Iterable[StoredTap]) -> list[StoredTap]:
    """The taps of a token in settled order.

    What was decided keeps its live order. Each other tap (late, repaired, refused while the gate
    opened, or of a wrong clock) goes before the first decided one that occurred later.
    """
    kept: list[StoredTap] = []
    placed: list[StoredTap] = []
    for one in _put_in_live_order(stored):
        (placed if one.skew_ms or one.reason in _TO_BE_PLACED else kept).append(one)
    return _merge(kept, sorted(placed, key=_moment))


def _put_in_live_order(stored: Iterable[StoredTap]) -> list[StoredTap]:
    """The taps of a token as they were decided: by their numbers in its chain, never by rows.

    One that changed no state stands behind the tap whose state it found; several that found the
    same stand as they were decided. Where the ledger did not keep that one yet, a single writer
    wrote it, and its row says where it stands.
    """
    ordered = sorted(stored, key=lambda one: one.row)
    numbered = [(one.number, one) for one in ordered if one.number is not None]
    chain = sorted(numbered, key=lambda numbered: numbered[0])
    places: dict[int, tuple[int, bool, int]] = {}
    latest = 0
    for one in ordered:
        if one.number is not None:
            latest = max(latest, one.number)
            places[one.row] = one.number, False, 0
        elif one.previous_row is None:
            places[one.row] = latest, True, 0
        else:
            places[one.row] = _find_number(one, chain), True, one.decided_at_ms
    return sorted(ordered, key=lambda one: places[one.row])


def _find_number(found: StoredTap, chain: Sequence[tuple[int, StoredTap]]) -> int:
    """The number behind which a tap stands that changed no state: of the tap whose state it found.

    Taps behind that one, at which nobody went through, may have been taken back before: then the
    same state stood again, and the clock says which of the two times it was found.
    """
    number = 0
    is_behind = found.previous_row == 0
    for at_number, one in chain:
        if is_behind:
            if not one.is_unpassed or _decided(one) > _decided(found):
                break
            number = at_number
        elif one.row == found.previous_row:
            number, is_behind = at_number, True
    return number


def _decided(stored: StoredTap) -> tuple[int, int]:
    return stored.decided_at_ms, stored.row


_TO_BE_PLACED: Final = REFUSALS | {Reason.ARRIVED_OUT_OF_ORDER, Reason.RECORDED}


def _merge(kept: Sequence[StoredTap], placed: Sequence[StoredTap]) -> list[StoredTap]:
    ordered: list[StoredTap] = []
    place = 0
    for one in placed:
        while place < len(kept) and _moment(kept[place]) <= _moment(one):
            ordered.append(kept[place])
            place += 1
        ordered.append(one)
    return [*ordered, *kept[place:]]


def _moment(stored: StoredTap) -> tuple[int, str]:
    return stored.tap.occurred_at_ms, stored.tap.tap_id
