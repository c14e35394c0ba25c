"""Request bodies, checked to be JSON before a route gets them."""

from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.contract.problems import Refused, problem_bytes
from api.http.content import JSON, check_content_encoding, check_content_type
from api.http.rights import LARGE_BODIES
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


async def read_body(receive: Receive) -> bytes:
    """The whole body, which the door has limited; ClientGone when it breaks off."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


class JsonBodies:
    """Checks the body of a request, so that routes get only well-formed JSON.

    A route that takes large bodies checks the JSON itself, off the event loop.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 or 415, or hand the body on."""
        if scope["type"] != "http" or scope["method"] not in _METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive)
            if body:
                check_headers(scope["headers"])
                if (scope["method"], scope["path"]) not in LARGE_BODIES:
                    body = read_json(body)
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
    await send(
        {"type": "http.response.start", "status": status, "headers": headers + refused.headers}
    )
    await send({"type": "http.response.body", "body": body})


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
