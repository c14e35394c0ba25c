"""Gates and media types registered or corrected after `init`, in force from the next batch on.

A change is one transaction of the caller, as in `fare_engine.ledger.stores.catalogue`. A gate is
never deleted and its number is never given to another, since rows of the ledger name it; each row
keeps the station that its gate had at the tap.
"""

from dataclasses import replace

from sqlalchemy import Connection

from fare_engine.catalogue import Catalogue
from fare_engine.documents import gate_document, medium_document
from fare_engine.errors import NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.network_rows import (
    gate_columns,
    insert_medium_type,
    read_gates,
    read_media,
    update_medium_type,
)
from fare_engine.network import Gate, MediumType
from fare_engine.validation import check_gate, check_medium_type


def put_gate(
    connection: Connection, catalogue: Catalogue, draft: Gate, actor: str, now_ms: int
) -> Catalogue:
    """Register a gate, or correct the one of that id; the draft's number plays no part.

    CatalogueInvalid names each field that cannot be, as `check_gate` does. A gate that is so
    already stays as it is, and nothing is audited.
    """
    gates = read_gates(connection)
    before = next((gate for gate in gates if gate.gate_id == draft.gate_id), None)
    number = before.number if before else max((gate.number for gate in gates), default=0) + 1
    gate = replace(draft, number=number)
    others = tuple(other for other in gates if other is not before)
    changed = _with_gates(catalogue, tuple(sorted((*others, gate), key=_number)))
    if gate == before:
        return changed
    check_gate(changed, gate, now_ms)
    if before is None:
        connection.execute(schema.gates.insert().values(gate_columns(gate)))
    else:
        table = schema.gates
        values = gate_columns(gate)
        connection.execute(table.update().where(table.c.number == number).values(values))
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="gate.corrected" if before else "gate.registered",
        subject=gate.gate_id,
        before=gate_document(before) if before else None,
        after=gate_document(gate),
    )
    return changed


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
