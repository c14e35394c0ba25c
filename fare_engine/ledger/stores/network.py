"""Gates and media types registered or corrected after `init`, in force from the next batch on.

A change is one transaction of the caller, as in `fare_engine.ledger.stores.catalogue`. A gate is
never deleted and its number is never given to another, since rows of the ledger name it. Where it
stood is kept with its dates, so that a tap that comes late finds it where it was tapped.
"""

from dataclasses import replace

from sqlalchemy import Connection

from fare_engine.catalogue import Catalogue
from fare_engine.documents import medium_document, placement_document
from fare_engine.errors import NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.network_rows import (
    gate_columns,
    insert_medium_type,
    insert_placement,
    read_gates,
    read_media,
    update_medium_type,
)
from fare_engine.network import Gate, MediumType, put_in_sequence
from fare_engine.validation import check_gate, check_medium_type
from fare_engine.versions import ALWAYS_MS


def put_gate(
    connection: Connection, catalogue: Catalogue, draft: Gate, actor: str, now_ms: int
) -> Catalogue:
    """Register a gate, or say where the one of that id stands from `effective_from_ms` on.

    Without that instant a new gate has stood there always, and one that is known is moved now, or
    corrected (`_find_start`). A draft without directions takes it down. The draft's number plays no
    part. CatalogueInvalid names each field that cannot be, as `check_gate` does. A gate that is so
    already stays as it is, and nothing is audited.
    """
    gates = read_gates(connection)
    before = next((gate for gate in gates if gate.gate_id == draft.gate_id), None)
    number = before.number if before else max((gate.number for gate in gates), default=0) + 1
    placement = replace(draft, number=number)
    stored: tuple[Gate, ...] = ()
    if before is not None:
        from_ms = _find_start(before, draft, now_ms)
        placement = replace(placement, effective_from_ms=from_ms)
        stored = before.placements
    kept = (one for one in stored if one.effective_from_ms != placement.effective_from_ms)
    gate = put_in_sequence((*kept, placement))
    others = tuple(other for other in gates if other is not before)
    changed = _with_gates(catalogue, tuple(sorted((*others, gate), key=_number)))
    if gate == before:
        return changed
    check_gate(changed, placement, now_ms)
    if before is None:
        connection.execute(schema.gates.insert().values(gate_columns(gate)))
    elif before.effective_from_ms == -ALWAYS_MS:
        insert_placement(connection, before)  # it never moved: only its row of `gates` is stored
    if before is not None or placement.effective_from_ms != -ALWAYS_MS:
        insert_placement(connection, placement)
    zone = catalogue.network.time_zone
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action=_name_action(before, placement),
        subject=gate.gate_id,
        before=placement_document(before.at(placement.effective_from_ms), zone) if before else None,
        after=placement_document(placement, zone),
    )
    return changed


def _find_start(before: Gate, draft: Gate, now_ms: int) -> int:
    """From when on a change of a gate counts: as the draft says, else now.

    A change that names no instant, and takes nothing away from the taps that were made where the
    gate stands, mends how that was written down: it counts from the beginning of the placement, so
    that taps which wait for it in quarantine can be settled.
    """
    if draft.effective_from_ms != -ALWAYS_MS:
        return draft.effective_from_ms
    now = before.find_at(now_ms)
    if now is None or now.station_id != draft.station_id or not now.directions:
        return now_ms
    return now.effective_from_ms if draft.directions >= now.directions else now_ms


def _name_action(before: Gate | None, placement: Gate) -> str:
    if before is None:
        return "gate.registered"
    return "gate.corrected" if placement.directions else "gate.taken_down"


def add_medium_type(
    connection: Connection, catalogue: Catalogue, draft: MediumType, actor: str, now_ms: int
) -> Catalogue:
    """Register a media type; the draft's own number is ignored; taps may name it from now on.

    CatalogueInvalid names each field that cannot be, also a code that is there already.
    """
    media = read_media(connection)
    catalogue = replace(catalogue, network=replace(catalogue.network, media=media))
    check_medium_type(catalogue, draft, is_new=True)
    medium = replace(draft, number=max((other.number for other in media), default=0) + 1)
    insert_medium_type(connection, medium)
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="medium.registered",
        subject=medium.code,
        after=medium_document(medium),
    )
    return replace(catalogue, network=replace(catalogue.network, media=(*media, medium)))


def correct_medium_type(
    connection: Connection, catalogue: Catalogue, draft: MediumType, actor: str, now_ms: int
) -> Catalogue:
    """Give the media type of this code other names and another pattern of its ids.

    Tokens are made of code and id, so those of ids that still fit stay what they are. NotFound
    where there is no such type; CatalogueInvalid names each field that cannot be. One that is so
    already stays as it is, and nothing is audited.
    """
    media = read_media(connection)
    before = next((medium for medium in media if medium.code == draft.code), None)
    if before is None:
        raise NotFound(f"there is no media type {draft.code!r}")
    medium = replace(draft, number=before.number)
    changed = tuple(medium if other is before else other for other in media)
    if medium != before:
        check_medium_type(catalogue, medium, is_new=False)
        update_medium_type(connection, medium)
        record_change(
            connection,
            at_ms=now_ms,
            actor=actor,
            action="medium.corrected",
            subject=medium.code,
            before=medium_document(before),
            after=medium_document(medium),
        )
    return replace(catalogue, network=replace(catalogue.network, media=changed))


def _number(gate: Gate) -> int:
    return gate.number


def _with_gates(catalogue: Catalogue, gates: tuple[Gate, ...]) -> Catalogue:
    return replace(catalogue, network=replace(catalogue.network, gates=gates))
