"""Keys of gates and administrators: the secret is shown once, the ledger keeps only its hash."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from fare_engine.access_key import ADMIN, GATE, KINDS, Key
from fare_engine.errors import CatalogueInvalid, NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.stores.audit import record_change

NAME_LENGTH_MAX: Final = 100
_SECRET_BYTES: Final = 32
_KEY_ID_BYTES: Final = 6


def hash_secret(secret: str) -> bytes:
    """What the ledger keeps of a secret. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def create_key(
    connection: Connection,
    kind: str,
    name: str,
    stations: Iterable[str] | None,
    now_ms: int,
    actor: str = "command line",
) -> tuple[Key, str]:
    """Make a key; its secret is returned here and is stored nowhere."""
    spoken_for = None if stations is None else frozenset(stations)
    _refuse_faulty(connection, kind, name, spoken_for)
    key = Key(secrets.token_hex(_KEY_ID_BYTES), kind, name, spoken_for, now_ms)
    secret = f"fe_{kind}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    values: dict[str, Any] = {
        "key_id": key.key_id,
        "kind": kind,
        "name": name,
        "sha256": hash_secret(secret),
        "created_at": now_ms,
    }
    if spoken_for is not None:
        values["stations"] = sorted(spoken_for)
    connection.execute(schema.keys.insert().values(values))
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="key.created",
        subject=key.key_id,
        after=_document(key),
    )
    return key, secret


def list_keys(connection: Connection) -> list[Key]:
    """Every key ever made, oldest first, revoked ones too."""
    keys = schema.keys
    query = select(keys).order_by(keys.c.created_at, keys.c.key_id)
    return [_key(row) for row in connection.execute(query)]


def list_stations_by_key(connection: Connection) -> dict[str | None, frozenset[str] | None]:
    """By key_id, the stations that every key ever made speaks for; None: all."""
    return {key.key_id: key.stations for key in list_keys(connection)}


def load_keys(connection: Connection) -> dict[bytes, Key]:
    """The keys that are good, by the hash of their secret."""
    keys = schema.keys
    query = select(keys).where(keys.c.revoked_at.is_(None))
    return {row.sha256: _key(row) for row in connection.execute(query)}


def revoke_key(
    connection: Connection, key_id: str, now_ms: int, actor: str = "command line"
) -> Key:
    """Make a key useless for good; NotFound when there is none. Revoked already, it stays so."""
    keys = schema.keys
    row = connection.execute(select(keys).where(keys.c.key_id == key_id)).first()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}")
    if row.revoked_at is not None:
        return _key(row)
    connection.execute(keys.update().where(keys.c.key_id == key_id).values(revoked_at=now_ms))
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="key.revoked",
        subject=key_id,
        before=_document(_key(row)),
    )
    row = connection.execute(select(keys).where(keys.c.key_id == key_id)).one()
    return _key(row)


def _refuse_faulty(
    connection: Connection, kind: str, name: str, stations: frozenset[str] | None
) -> None:
    faults = []
    if kind not in KINDS:
        faults.append(("kind", f"must be one of {', '.join(KINDS)}, not {kind!r}"))
    if not 0 < len(name.strip()) <= NAME_LENGTH_MAX:
        faults.append(("name", f"must have 1 to {NAME_LENGTH_MAX} characters"))
    if kind == GATE and not stations:
        faults.append(("stations", "a gate key speaks for at least one station"))
    if kind == ADMIN and stations is not None:
        faults.append(("stations", "an admin key is not bound to stations"))
    known = set(connection.scalars(select(schema.stations.c.station_id)))
    faults += [
        ("stations", f"there is no station {station_id!r}")
        for station_id in sorted((stations or frozenset()) - known)
    ]
    if faults:
        raise CatalogueInvalid(faults)


def _key(row: Row[Any]) -> Key:
    return Key(
        row.key_id,
        row.kind,
        row.name,
        None if row.stations is None else frozenset(row.stations),
        row.created_at,
        row.revoked_at,
    )


def _document(key: Key) -> dict[str, Any]:
    stations = None if key.stations is None else sorted(key.stations)
    return {"kind": key.kind, "name": key.name, "stations": stations}
