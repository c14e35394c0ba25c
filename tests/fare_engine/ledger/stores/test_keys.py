"""Keys: told once, kept as a hash, good until revoked."""

import hashlib

import pytest
from sqlalchemy import Connection, select

from fare_engine.access_key import Key
from fare_engine.errors import CatalogueInvalid, NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.stores.keys import (
    create_key,
    hash_secret,
    list_keys,
    load_keys,
    revoke_key,
)
from tests.fare_engine.small_metro import NOON_MS


def test_a_gate_key_speaks_for_its_stations(connection: Connection) -> None:
    key, secret = create_key(connection, "gate", "controller 3", ["FHY", "CXL"], NOON_MS)
    assert key == Key(key.key_id, "gate", "controller 3", frozenset({"FHY", "CXL"}), NOON_MS)
    assert load_keys(connection) == {hashlib.sha256(secret.encode()).digest(): key}
    assert list_keys(connection) == [key]


def test_an_admin_key_is_bound_to_no_station(connection: Connection) -> None:
    key, secret = create_key(connection, "admin", "anna", None, NOON_MS)
    assert key.stations is None
    assert load_keys(connection)[hash_secret(secret)] == key


def test_secrets_are_long_random_and_say_their_kind(connection: Connection) -> None:
    made = [create_key(connection, "gate", "g", ["FHY"], NOON_MS) for _ in range(50)]
    secrets = {secret for _, secret in made}
    assert len(secrets) == len({key.key_id for key, _ in made}) == 50
    for secret in secrets:
        assert secret.startswith("fe_gate_")
        assert len(secret.removeprefix("fe_gate_")) == 43, "256 bits in base 64"
    assert create_key(connection, "admin", "a", None, NOON_MS)[1].startswith("fe_admin_")


def test_the_ledger_never_holds_a_secret(connection: Connection) -> None:
    _, secret = create_key(connection, "gate", "controller", ["FHY"], NOON_MS)
    body = secret.removeprefix("fe_gate_")
    for table in (schema.keys, schema.audit):
        assert body not in str(connection.execute(select(table)).all())


def test_a_revoked_key_is_listed_but_no_longer_good(connection: Connection) -> None:
    key, secret = create_key(connection, "admin", "anna", None, NOON_MS)
    other, _ = create_key(connection, "admin", "bob", None, NOON_MS + 1)
    revoked = revoke_key(connection, key.key_id, NOON_MS + 5)
    assert revoked.revoked_at_ms == NOON_MS + 5
    assert list_keys(connection) == [revoked, other]
    assert hash_secret(secret) not in load_keys(connection)
    assert list(load_keys(connection).values()) == [other]


def test_revoking_twice_keeps_the_first_time(connection: Connection) -> None:
    key, _ = create_key(connection, "admin", "anna", None, NOON_MS)
    first = revoke_key(connection, key.key_id, NOON_MS + 5)
    assert revoke_key(connection, key.key_id, NOON_MS + 9) == first


def test_an_unknown_key_cannot_be_revoked(connection: Connection) -> None:
    with pytest.raises(NotFound, match="there is no key 'none'"):
        revoke_key(connection, "none", NOON_MS)


@pytest.mark.parametrize(
    ("kind", "name", "stations", "field", "told"),
    [
        ("clerk", "a", None, "kind", "must be one of gate, admin, not 'clerk'"),
        ("admin", " ", None, "name", "must have 1 to 100 characters"),
        ("admin", "a" * 101, None, "name", "must have 1 to 100 characters"),
        ("gate", "g", None, "stations", "a gate key speaks for at least one station"),
        ("gate", "g", [], "stations", "a gate key speaks for at least one station"),
        ("gate", "g", ["FHY", "XXX"], "stations", "there is no station 'XXX'"),
        ("admin", "a", ["FHY"], "stations", "an admin key is not bound to stations"),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    connection: Connection,
    kind: str,
    name: str,
    stations: list[str] | None,
    field: str,
    told: str,
) -> None:
    with pytest.raises(CatalogueInvalid) as refusal:
        create_key(connection, kind, name, stations, NOON_MS)
    assert refusal.value.faults == ((field, told),)
    assert list_keys(connection) == []


def test_making_and_revoking_are_audited(connection: Connection) -> None:
    key, _ = create_key(connection, "gate", "controller", ["FHY"], NOON_MS, actor="anna")
    revoke_key(connection, key.key_id, NOON_MS + 1)
    query = select(schema.audit).where(schema.audit.c.subject == key.key_id).order_by("entry")
    made, revoked = connection.execute(query)
    assert (made.action, made.actor, made.before) == ("key.created", "anna", None)
    assert made.after == {"kind": "gate", "name": "controller", "stations": ["FHY"]}
    assert (revoked.action, revoked.actor) == ("key.revoked", "command line")
