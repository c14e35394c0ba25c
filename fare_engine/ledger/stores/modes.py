"""Degraded modes in the ledger: read whole, started, and ended.

As every change of the catalogue (`stores.catalogue`), each is one transaction of the caller, and
a new catalogue comes back.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from fare_engine.catalogue import Catalogue
from fare_engine.documents import mode_document
from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.schema import degraded_modes
from fare_engine.ledger.stores.audit import record_change
from fare_engine.modes import DegradedMode, Mode

Modes = Mapping[str, tuple[DegradedMode, ...]]


def read_modes(connection: Connection) -> Modes:
    """Every degraded mode, in the order of starting, by station."""
    modes: dict[str, tuple[DegradedMode, ...]] = defaultdict(tuple)
    for row in connection.execute(select(degraded_modes).order_by(degraded_modes.c.number)):
        modes[row.station_id] += (
            DegradedMode(
                row.station_id,
                Mode(row.mode),
                row.effective_from,
                row.reason,
                row.effective_to,
                row.number,
            ),
        )
    return dict(modes)


def start_mode(
    connection: Connection, catalogue: Catalogue, draft: DegradedMode, actor: str, now_ms: int
) -> Catalogue:
    """Let a station let something go, from an instant on; the last mode of the list is it.

    Stretches of one mode may overlap: an emergency must not wait until an older one is put right.
    """
    station_id = draft.station_id
    catalogue.get_station(station_id)
    if draft.effective_to_ms is not None and draft.effective_to_ms <= draft.effective_from_ms:
        raise CatalogueInvalid([("effective_to", "must be after effective_from")])
    earlier = read_modes(connection).get(station_id, ())
    number = connection.execute(
        degraded_modes.insert()
        .values(
            station_id=station_id,
            mode=int(draft.mode),
            effective_from=draft.effective_from_ms,
            effective_to=draft.effective_to_ms,
            reason=draft.reason,
        )
        .returning(degraded_modes.c.number)
    ).scalar_one()
    mode = replace(draft, number=number)
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="mode.started",
        subject=station_id,
        after=mode_document(mode, catalogue.network.time_zone),
    )
    return catalogue.with_modes(station_id, (*earlier, mode))


def end_mode(
    connection: Connection,
    catalogue: Catalogue,
    station_id: str,
    mode: Mode,
    end_ms: int,
    reason: str,
    actor: str,
    now_ms: int,
) -> tuple[Catalogue, tuple[DegradedMode, ...]]:
    """End a mode that is in force at an instant, from that instant on; with those it ended.

    One that has ended already stays as it is, and so does one that is yet to begin.
    """
    catalogue.get_station(station_id)
    modes = list(read_modes(connection).get(station_id, ()))
    zone = catalogue.network.time_zone
    ended = []
    for place, held in enumerate(modes):
        if held.mode is not mode or not held.covers(end_ms):
            continue
        modes[place] = replace(held, effective_to_ms=end_ms)
        ended.append(modes[place])
        connection.execute(
            degraded_modes.update()
            .where(degraded_modes.c.number == held.number)
            .values(effective_to=end_ms)
        )
        record_change(
            connection,
            at_ms=now_ms,
            actor=actor,
            action="mode.ended",
            subject=station_id,
            before=mode_document(held, zone),
            after={**mode_document(modes[place], zone), "end_reason": reason},
        )
    if not ended:
        return catalogue, ()
    return catalogue.with_modes(station_id, tuple(modes)), tuple(ended)
