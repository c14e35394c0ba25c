"""Issuers of ride codes: registered with a key, rotated, retired; nothing is ever removed."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid, NotFound
from fare_engine.issuer import ED25519, SM2, IssuerKey, group_by_issuer
from fare_engine.ledger import schema
from fare_engine.ledger.stores.catalogue import load_catalogue
from fare_engine.ledger.stores.issuers import (
    add_issuer,
    read_issuer_keys,
    retire_key,
    rotate_key,
)
from tests.fare_engine.small_metro import NOON_MS

KEY = IssuerKey("metro", "2021", ED25519, b"1" * 32, NOON_MS)
NEXT = IssuerKey("metro", "2022", ED25519, b"2" * 32, NOON_MS + 1_000)


@pytest.fixture
def catalogue(connection: Connection) -> Catalogue:
    return load_catalogue(connection)


def _add(connection: Connection, catalogue: Catalogue, key: IssuerKey = KEY) -> Catalogue:
    return add_issuer(connection, catalogue, key, "anna", NOON_MS)


def _retire(
    connection: Connection, catalogue: Catalogue, at_ms: int, key_id: str = "2021"
) -> Catalogue:
    return retire_key(connection, catalogue, "metro", key_id, at_ms, "old", "anna", NOON_MS)


def test_an_issuer_is_there_for_good(connection: Connection, catalogue: Catalogue) -> None:
    assert catalogue.issuer_keys == ()
    changed = _add(connection, catalogue)
    assert changed.issuer_keys == (KEY,)
    assert load_catalogue(connection).issuer_keys == (KEY,)
    assert changed.terms is catalogue.terms, "what journeys pinned is still there"


def test_a_rotated_key_stands_beside_the_one_before(
    connection: Connection, catalogue: Catalogue
) -> None:
    changed = rotate_key(connection, _add(connection, catalogue), NEXT, "anna", NOON_MS)
    bank = IssuerKey("bank", "2021", SM2, b"3" * 65, 0, NOON_MS)
    changed = add_issuer(connection, changed, bank, "anna", NOON_MS)
    assert changed.issuer_keys == (bank, KEY, NEXT) == read_issuer_keys(connection)
    assert group_by_issuer(changed.issuer_keys) == {"bank": [bank], "metro": [KEY, NEXT]}


def test_a_retired_key_is_kept_with_its_end(connection: Connection, catalogue: Catalogue) -> None:
    changed = _retire(connection, _add(connection, catalogue), NOON_MS + 5_000)
    (key,) = changed.issuer_keys
    assert key == KEY._replace(valid_to_ms=NOON_MS + 5_000)
    assert key.covers(NOON_MS + 4_999)
    assert not key.covers(NOON_MS + 5_000)


def test_an_end_comes_nearer_and_never_goes_back(
    connection: Connection, catalogue: Catalogue
) -> None:
    changed = _add(connection, catalogue)
    for at_ms, end_ms in [(9_000, 9_000), (12_000, 9_000), (4_000, 4_000), (-1, 0)]:
        changed = _retire(connection, changed, NOON_MS + at_ms)
        assert changed.issuer_keys[0].valid_to_ms == NOON_MS + end_ms
    assert not changed.issuer_keys[0].covers(NOON_MS)


def test_what_is_not_there_can_neither_be_rotated_nor_retired(
    connection: Connection, catalogue: Catalogue
) -> None:
    with pytest.raises(NotFound, match="there is no issuer 'metro'"):
        rotate_key(connection, catalogue, KEY, "anna", NOON_MS)
    with pytest.raises(NotFound, match="issuer 'metro' has no key '2021'"):
        _retire(connection, catalogue, NOON_MS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer_id": "m.etro"}, "issuer_id"),
        ({"issuer_id": ""}, "issuer_id"),
        ({"key_id": "k" * 17}, "key_id"),
        ({"algorithm": "RS256"}, "algorithm"),
        ({"valid_to_ms": NOON_MS}, "valid_to"),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    connection: Connection, catalogue: Catalogue, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(CatalogueInvalid) as refusal:
        _add(connection, catalogue, KEY._replace(**change))
    assert [fault[0] for fault in refusal.value.faults] == [field]
    assert read_issuer_keys(connection) == ()


@pytest.mark.parametrize(
    ("key", "field"),
    [
        (KEY._replace(public_key=b"9" * 32), "key_id"),
        (KEY._replace(key_id="2029"), "public_key"),
    ],
)
def test_neither_a_key_id_nor_a_key_is_used_twice(
    connection: Connection, catalogue: Catalogue, key: IssuerKey, field: str
) -> None:
    changed = _add(connection, catalogue)
    with pytest.raises(CatalogueInvalid) as refusal:
        rotate_key(connection, changed, key, "anna", NOON_MS)
    assert [fault[0] for fault in refusal.value.faults] == [field]
    with pytest.raises(CatalogueInvalid, match="registered already; rotate its key"):
        _add(connection, changed, NEXT)
    assert read_issuer_keys(connection) == (KEY,)


def test_every_change_is_audited(connection: Connection, catalogue: Catalogue) -> None:
    changed = rotate_key(connection, _add(connection, catalogue), NEXT, "anna", NOON_MS)
    changed = _retire(connection, changed, NOON_MS + 5_000)
    _retire(connection, changed, NOON_MS + 5_000)  # changes nothing
    query = select(schema.audit).where(schema.audit.c.actor == "anna").order_by("entry")
    added, rotated, retired = connection.execute(query)
    assert (added.action, added.subject) == ("issuer.added", "metro/2021")
    assert added.after == {
        "algorithm": "Ed25519",
        "public_key": "31" * 32,
        "valid_from": "2021-11-24T12:00:00.000+08:00",
        "valid_to": None,
    }
    assert (rotated.action, rotated.subject) == ("issuer.rotated", "metro/2022")
    assert (retired.action, retired.before) == ("issuer.retired", added.after)
    assert retired.after == added.after | {
        "valid_to": "2021-11-24T12:00:05.000+08:00",
        "reason": "old",
    }
