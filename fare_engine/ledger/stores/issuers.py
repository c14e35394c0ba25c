"""Issuers of ride codes in the ledger: their public keys, added, rotated and retired.

A key is never removed or changed, but for its end: a code that was shown while it was in force can
be verified years later. Every change is one audited transaction of the caller, as in
`fare_engine.ledger.stores.catalogue`.
"""

import re
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, select

from fare_engine.catalogue import Catalogue
from fare_engine.documents import Document, key_document
from fare_engine.errors import CatalogueInvalid, NotFound
from fare_engine.issuer import (
    ALGORITHMS,
    ISSUER_ID_PATTERN,
    KEY_ID_PATTERN,
    IssuerKey,
    group_by_issuer,
)
from fare_engine.ledger import schema
from fare_engine.ledger.stores.audit import record_change

_table: Final = schema.issuer_keys
_is_issuer_id: Final = re.compile(ISSUER_ID_PATTERN).fullmatch
_is_key_id: Final = re.compile(KEY_ID_PATTERN).fullmatch


def read_issuer_keys(connection: Connection) -> tuple[IssuerKey, ...]:
    """Every key of every issuer, by issuer and beginning; those that ended too."""
    keys = (
        IssuerKey(
            row.issuer_id, row.key_id, row.algorithm, row.public_key, row.valid_from, row.valid_to
        )
        for row in connection.execute(select(_table))
    )
    # Databases differ in how they order text.
    return tuple(sorted(keys, key=lambda key: (key.issuer_id, key.valid_from_ms, key.key_id)))


def add_issuer(
    connection: Connection, catalogue: Catalogue, key: IssuerKey, actor: str, now_ms: int
) -> Catalogue:
    """Register an issuer with its first key. CatalogueInvalid names each field that cannot be."""
    known = read_issuer_keys(connection)
    faults = list_key_faults(key)
    if any(other.issuer_id == key.issuer_id for other in known):
        faults.append(("issuer_id", f"{key.issuer_id!r} is registered already; rotate its key"))
    return _insert(connection, catalogue, key, faults, "issuer.added", actor, now_ms)


def rotate_key(
    connection: Connection, catalogue: Catalogue, key: IssuerKey, actor: str, now_ms: int
) -> Catalogue:
    """Register another key of an issuer. Those before stay in force until they are retired."""
    issuers = group_by_issuer(read_issuer_keys(connection))
    if key.issuer_id not in issuers:
        raise NotFound(f"there is no issuer {key.issuer_id!r}")
    faults = list_key_faults(key)
    for other in issuers[key.issuer_id]:
        if other.key_id == key.key_id:
            faults.append(("key_id", f"{key.key_id!r} was used before; a key id is for one key"))
        if other.public_key == key.public_key:
            faults.append(("public_key", f"this is the key {other.key_id!r} already"))
    return _insert(connection, catalogue, key, faults, "issuer.rotated", actor, now_ms)


def retire_key(
    connection: Connection,
    catalogue: Catalogue,
    issuer_id: str,
    key_id: str,
    valid_to_ms: int,
    reason: str,
    actor: str,
    now_ms: int,
) -> Catalogue:
    """End a key: codes issued from this instant on no longer count. Ended earlier, it stays so.

    NotFound when there is no such key.
    """
    keys = group_by_issuer(read_issuer_keys(connection)).get(issuer_id, [])
    before = next((key for key in keys if key.key_id == key_id), None)
    if before is None:
        raise NotFound(f"issuer {issuer_id!r} has no key {key_id!r}")
    if before.valid_to_ms is None or valid_to_ms < before.valid_to_ms:
        retired = before._replace(valid_to_ms=max(valid_to_ms, before.valid_from_ms))
        connection.execute(
            _table.update()
            .where(_table.c.issuer_id == issuer_id, _table.c.key_id == key_id)
            .values(valid_to=retired.valid_to_ms)
        )
        zone = catalogue.network.time_zone
        record_change(
            connection,
            at_ms=now_ms,
            actor=actor,
            action="issuer.retired",
            subject=f"{issuer_id}/{key_id}",
            before=_document(before, zone),
            after={**_document(retired, zone), "reason": reason},
        )
    return replace(catalogue, issuer_keys=read_issuer_keys(connection))


def list_key_faults(key: IssuerKey) -> list[tuple[str, str]]:
    """What is wrong with a key by itself; whether its bytes are a key, only its algorithm knows."""
    faults = []
    if not _is_issuer_id(key.issuer_id):
        faults.append(("issuer_id", "must be 1 to 16 letters, digits, - or _"))
    if not _is_key_id(key.key_id):
        faults.append(("key_id", "must be 1 to 16 letters, digits, - or _"))
    if key.algorithm not in ALGORITHMS:
        faults.append(("algorithm", f"must be one of {', '.join(ALGORITHMS)}"))
    if key.valid_to_ms is not None and key.valid_to_ms <= key.valid_from_ms:
        faults.append(("valid_to", "must be later than valid_from"))
    return faults


def _insert(
    connection: Connection,
    catalogue: Catalogue,
    key: IssuerKey,
    faults: list[tuple[str, str]],
    action: str,
    actor: str,
    now_ms: int,
) -> Catalogue:
    if faults:
        raise CatalogueInvalid(faults)
    connection.execute(
        _table.insert().values(
            issuer_id=key.issuer_id,
            key_id=key.key_id,
            algorithm=key.algorithm,
            public_key=key.public_key,
            valid_from=key.valid_from_ms,
            valid_to=key.valid_to_ms,
            added_at=now_ms,
        )
    )
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action=action,
        subject=f"{key.issuer_id}/{key.key_id}",
        after=_document(key, catalogue.network.time_zone),
    )
    return replace(catalogue, issuer_keys=read_issuer_keys(connection))


def _document(key: IssuerKey, zone: str) -> Document:
    """A key as the audit shows it, whose subject names it: its bytes stand in hexadecimal."""
    document = key_document(key, zone) | {"public_key": key.public_key.hex()}
    del document["key_id"]
    return document
