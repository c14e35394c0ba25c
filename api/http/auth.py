"""Keys: found in the header of every call, and checked for the right that its route needs.

A gate key belongs to a controller and speaks for the gates of its stations; the admin key may do
everything (`api.http.rights`). Only the SHA-256 of a key is kept: a random key needs no slow hash,
and a tap no time for one.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.contract.problems import Refused, problem_bytes
from api.http.rights import (
    KEY_IN_SCOPE,
    RIGHTS_OF_KIND,
    ROUTE_RIGHTS,
    Right,
    check_right,
    needs_key,
)
from api.runtime.wiring import Runtime
from fare_engine.access_key import Key

KEY_BYTES_MAX: Final = 256


def find_key(runtime: Runtime, authorization: bytes | None) -> Key | None:
    """The key that an Authorization header names, or None when there is no such key in force."""
    if authorization is None or len(authorization) > KEY_BYTES_MAX:
        return None
    if authorization[:7].lower() != b"bearer ":
        return None
    return runtime.published.keys.get(sha256(authorization[7:].strip()).digest())


def authenticate(
    runtime: Runtime,
    authorization: bytes | None,
    client: tuple[str, int] | None,
    headers: Iterable[tuple[bytes, bytes]],
) -> Key:
    """The key of a request; Refused when its Authorization header names none that is in force.

    `client` is the address of its socket: failures are counted for each peer.
    """
    key = find_key(runtime, authorization)
    if key is None:
        raise runtime.failed_authentications.count(client, headers)
    return key


def speaks_for(key: Key, station_id: str | None) -> bool:
    """Whether a key may send taps of a station's gates."""
    own = key.stations or ()
    return station_id in own or Right.EVERY_STATION in RIGHTS_OF_KIND[key.kind]


def speaks_for_some(key: Key) -> bool:
    """Whether a key speaks for the gates of some stations alone, as that of a controller does."""
    return Right.EVERY_STATION not in RIGHTS_OF_KIND[key.kind]


def check_speaks_for(key: Key, station_id: str | None, gate_id: str) -> None:
    """Refuse a key that does not speak for the gate of a station."""
    if not speaks_for(key, station_id):
        raise Refused("gate-not-yours", f"this key does not speak for gate {gate_id}")


class KeyRequired:
    """Refuses calls without a key where no server has looked at it: those of the command line."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 429, or go on with the key in the scope."""
        if KEY_IN_SCOPE not in scope and needs_key(scope["method"], scope["path"]):
            authorization = _find_authorization(scope)
            try:
                key = authenticate(self._runtime, authorization, scope["client"], scope["headers"])
            except Refused as refused:
                status, headers, body = problem_bytes(refused.code, refused.detail)
                headers += refused.headers
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
            scope[KEY_IN_SCOPE] = key
        await self._app(scope, receive, send)


def _find_authorization(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    return None


def _get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def _get_key(request: Request) -> Key:
    key: Key = request.scope[KEY_IN_SCOPE]
    return key


async def require_right(request: Request) -> None:
    """Refuse a call whose key lacks the right of its route; a dependency of every route."""
    right = ROUTE_RIGHTS[request.method, request.scope["route"].path]
    if right is not Right.PUBLIC:
        check_right(_get_key(request), right)


TheRuntime = Annotated[Runtime, Depends(_get_runtime)]
TheKey = Annotated[Key, Depends(_get_key)]
