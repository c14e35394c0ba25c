"""Keys: what programs authenticate with. A key is shown once, when it is made."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Path

from api.contract.operators import KeyAnswer, KeyCreated, KeyRequest, Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.contract.taps import Id
from api.contract.times import format_ms
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from fare_engine.access_key import ADMIN, Key
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.keys import create_key, hash_secret, list_keys, revoke_key
from fare_engine.published import Published

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.get("")
async def list_all_keys(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[KeyAnswer]:
    """Every key ever made, oldest first, revoked ones too; never the key itself."""
    keys = await runtime.read(list_keys)
    zone = runtime.catalogue.network.time_zone
    return page_of_values(
        keys, limit, cursor, lambda key: key.key_id, lambda key: view_key(key, zone)
    )


@router.post("", status_code=201)
async def make_key(request: KeyRequest, runtime: TheRuntime, key: TheKey) -> KeyCreated:
    """Make a key. It is told in this answer and never again."""

    def change(connection: Connection, before: Published) -> tuple[Published, tuple[Key, str]]:
        made, secret = create_key(
            connection, request.kind, request.name, request.stations, now_ms(), key.key_id
        )
        return replace(before, keys={**before.keys, hash_secret(secret): made}), (made, secret)

    made, secret = await runtime.publish(change)
    answer = view_key(made, runtime.catalogue.network.time_zone)
    return KeyCreated(**answer.model_dump(), key=secret)


@router.delete("/{key_id}")
async def revoke(key_id: Annotated[Id, Path()], runtime: TheRuntime, key: TheKey) -> KeyAnswer:
    """Make a key useless for good, from now on."""

    def change(connection: Connection, before: Published) -> tuple[Published, Key]:
        revoked = revoke_key(connection, key_id, now_ms(), key.key_id)
        keys = {secret: one for secret, one in before.keys.items() if one.key_id != key_id}
        return replace(before, keys=keys), revoked

    revoked = await runtime.publish(change)
    return view_key(revoked, runtime.catalogue.network.time_zone)


def view_key(key: Key, zone: str) -> KeyAnswer:
    """A key without its secret."""
    kind: Literal["gate", "admin"] = "admin" if key.kind == ADMIN else "gate"
    return KeyAnswer(
        key_id=key.key_id,
        kind=kind,
        name=key.name,
        stations=None if key.stations is None else sorted(key.stations),
        created_at=format_ms(key.created_at_ms, zone),
        revoked_at=None if key.revoked_at_ms is None else format_ms(key.revoked_at_ms, zone),
    )
