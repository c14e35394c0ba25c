"""Request bodies: limited while they are read, and checked to be JSON before a route gets them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.contract.problems import Refused, problem_bytes
from api.http.rights import KEY_IN_SCOPE, ROUTE_RIGHTS, Route, check_right
from api.http.tap_desk import is_json

_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ClientGone(Exception):
    """The client closed the connection before its request was read."""


def check_content_type(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse a body of another Content-Type than JSON; without one it is taken for JSON."""
    for name, value in headers:
        if name == b"content-type" and not is_json(value):
            raise Refused("unsupported-media-type", "send Content-Type: application/json")


async def read_body(scope: Scope, receive: Receive, bytes_max: int) -> bytes:
    """The whole body; Refused when it is longer than allowed, ClientGone when it breaks off."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > bytes_max:
            raise _too_large(bytes_max)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        if not message.get("more_body", False):
            return bytes(body)


def check_json(body: bytes) -> None:
    """Refuse bytes that are not UTF-8 JSON, and say where it breaks."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("malformed-json", str(error)) from None
    except RecursionError:
        raise Refused("malformed-json", "the body is nested too deep") from None


class JsonBodies:
    """Reads and checks the body of a request, so that routes get only well-formed JSON.

    `large` are routes with a limit of their own, by method and path. They check the JSON
    themselves, off the event loop, and nothing of it is read before the key has the right.
    """

    def __init__(self, app: ASGIApp, bytes_max: int, large: Mapping[Route, int]) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, 413 or 415, or hand the body on."""
        if scope["type"] != "http" or scope["method"] not in _METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        route = scope["method"], scope["path"]
        large_max = self._large.get(route)
        try:
            if large_max is None:
                body = await read_body(scope, receive, self._bytes_max)
            else:
                check_right(scope[KEY_IN_SCOPE], ROUTE_RIGHTS[route])
                check_content_type(scope["headers"])
                body = await read_body(scope, receive, large_max)
            if body and large_max is None:
                check_content_type(scope["headers"])
                check_json(body)
        except ClientGone:
            return
        except Refused as refused:
            await send_problem(send, refused)
            return
        await self._app(scope, _replay(body, receive), send)


async def send_problem(send: Send, refused: Refused) -> None:
    """Answer with a problem over bare ASGI."""
    status, headers, body = problem_bytes(refused.code, refused.detail, refused.errors)
    if refused.code in ("body-too-large", "forbidden"):
        # What is still unread would be taken for the next request.
        headers.append((b"connection", b"close"))
    await send(
        {"type": "http.response.start", "status": status, "headers": headers + refused.headers}
    )
    await send({"type": "http.response.body", "body": body})


def _too_large(bytes_max: int) -> Refused:
    return Refused("body-too-large", f"a request body may have {bytes_max} bytes")


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        message: dict[str, Any] = {"type": "http.request", "body": body, "more_body": False}
        return message

    return replay
