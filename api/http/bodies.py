"""Request bodies: limited while they are read, and checked to be JSON before a route gets them."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.contract.problems import Refused, problem_bytes
from api.http.content import JSON, check_content_encoding, check_content_type
from api.http.rights import KEY_IN_SCOPE, ROUTE_RIGHTS, Route, check_right
from api.wire.strict_json import read_json

_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""The body of any other means nothing (RFC 9110): it is not looked at."""

NO_BODY: Final = "fare_engine.no_body"
"""Set in the scope of a request without a body: a route that needs one says that it is no JSON."""

RequestHeaders = list[tuple[bytes, bytes]]


class ClientGone(Exception):
    """The client closed the connection before its request was read."""


def check_headers(headers: RequestHeaders) -> None:
    """Refuse a body that is said to be no plain JSON; without a Content-Type it is taken for it."""
    for name, value in headers:
        if name == b"content-type":
            check_content_type(value)
        elif name == b"content-encoding":
            check_content_encoding(value)


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
                if body:
                    check_headers(scope["headers"])
                    body = read_json(body)
            else:
                check_right(scope[KEY_IN_SCOPE], ROUTE_RIGHTS[route])
                check_headers(scope["headers"])
                body = await read_body(scope, receive, large_max)
        except ClientGone:
            return
        except Refused as refused:
            await send_problem(send, refused)
            return
        scope = {**scope, NO_BODY: not body, "headers": _say_json(scope["headers"])}
        await self._app(scope, _replay(body, receive), send)


def _say_json(headers: RequestHeaders) -> RequestHeaders:
    """The headers with one spelling of the Content-Type: the framework takes no other for JSON."""
    others = [(name, value) for name, value in headers if name != b"content-type"]
    return [*others, (b"content-type", JSON)]


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
