"""The block list: media that may not enter. Numbers stand in bodies and are not kept."""

from dataclasses import replace

from fastapi import APIRouter

from api.contract.media import BlockedAnswer, BlockRequest
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, bad_cursor
from api.contract.taps import MediumById
from api.contract.times import format_ms
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from fare_engine.errors import MediumIdInvalid, UnknownMedium
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.blocked import BlockedMedium, block, list_blocked, unblock
from fare_engine.published import Published

router = APIRouter(prefix="/v1/media", tags=["media"])

_SHOWN = 4
_MASKED_MIN = 8
"""Of a shorter number the last four would show too much."""


@router.get("/blocked")
async def list_all_blocked(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[BlockedAnswer]:
    """All blocked media, by token."""
    try:
        after = bytes.fromhex(cursor or "")
    except ValueError:
        raise bad_cursor() from None
    media = await runtime.read(lambda connection: list_blocked(connection, after, limit + 1))
    zone = runtime.catalogue.network.time_zone
    shown = media[:limit]
    return Page(
        items=[_view(medium, zone) for medium in shown],
        next_cursor=shown[-1].token.hex() if len(media) > limit else None,
    )


@router.post("/block")
async def block_medium(request: BlockRequest, runtime: TheRuntime, key: TheKey) -> BlockedAnswer:
    """Let a medium enter no more, from now on; blocked already, it stays as it is.

    Journeys that are open may close: an exit is never refused for it.
    """
    at_ms = now_ms()
    token, medium_type, masked = _identify(request, runtime)
    draft = BlockedMedium(token, medium_type, masked, request.reason, at_ms)

    def change(connection: Connection, before: Published) -> tuple[Published, BlockedMedium]:
        held = block(connection, draft, key.key_id, at_ms)
        blocked = {**before.blocked, held.token: held.blocked_at_ms}
        return replace(before, blocked=blocked), held

    held = await runtime.publish(change)
    return _view(held, runtime.catalogue.network.time_zone)


@router.post("/unblock")
async def unblock_medium(request: BlockRequest, runtime: TheRuntime, key: TheKey) -> BlockedAnswer:
    """Let a medium enter again; not blocked, it stays as it is."""
    token, medium_type, masked = _identify(request, runtime)

    def change(connection: Connection, before: Published) -> tuple[Published, None]:
        unblock(connection, token, request.reason, key.key_id, now_ms())
        blocked = {one: at_ms for one, at_ms in before.blocked.items() if one != token}
        return replace(before, blocked=blocked), None

    await runtime.publish(change)
    return BlockedAnswer(
        token=token.hex(),
        medium_type=medium_type,
        masked=masked,
        blocked=False,
        blocked_at=None,
        reason=None,
    )


def _identify(request: BlockRequest, runtime: Runtime) -> tuple[bytes, str, str | None]:
    """Token, type and masked number of the medium of a request."""
    medium = request.medium
    fits = runtime.catalogue.medium_patterns.get(medium.type)
    if fits is None:
        raise UnknownMedium(f"there is no medium type {medium.type!r}")
    if not isinstance(medium, MediumById):
        return bytes.fromhex(medium.token), medium.type, None
    if not fits(medium.id):
        raise MediumIdInvalid(f"the id does not fit a medium of type {medium.type}")
    shown = medium.id[-_SHOWN:] if len(medium.id) >= _MASKED_MIN else ""
    return runtime.make_token(medium.type, medium.id), medium.type, "****" + shown


def _view(medium: BlockedMedium, zone: str) -> BlockedAnswer:
    return BlockedAnswer(
        token=medium.token.hex(),
        medium_type=medium.medium_type,
        masked=medium.masked,
        blocked=True,
        blocked_at=format_ms(medium.blocked_at_ms, zone),
        reason=medium.reason,
    )
