"""Methods: HEAD wherever GET is, OPTIONS everywhere, and which others an address takes.

All of it is read from the table of rights, in which every route stands.
"""

import re
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.contract.problems import Refused, problem_bytes
from api.http.rights import ROUTE_RIGHTS
from api.runtime.peers import PeerFinder

logger = structlog.get_logger(__name__)

FILES: Final = "/static-offline-docs"
"""Below it are files: what `/docs` needs without the internet."""

_PARAMETER: Final = re.compile(r"\{[^}]+\}")


def _pattern(template: str) -> re.Pattern[str]:
    text = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(template))
    return re.compile(text + "(?:/.*)?" if template == FILES else text, re.DOTALL)


_PATTERNS: Final = {template: _pattern(template) for _, template in ROUTE_RIGHTS}


def list_methods(path: str) -> list[str]:
    """The methods that an address takes, in alphabetical order; none when there is no such one."""
    found = {
        method
        for method, template in ROUTE_RIGHTS
        if template == path or _PATTERNS[template].fullmatch(path)
    }
    if found:
        found.add("OPTIONS")
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)


def refuse_method(method: str, path: str) -> Refused | None:
    """Why an address does not take a method: 404 or 405. None when it takes it."""
    methods = list_methods(path)
    if not methods:
        return Refused("not-found", "there is nothing at this address")
    if method in methods:
        return None
    allow = ", ".join(methods)
    headers = [(b"allow", allow.encode())]
    return Refused("method-not-allowed", f"this address takes {allow}", headers=headers)


class HeadAndOptions:
    """Answers HEAD as GET without the body, and OPTIONS by what there is; neither needs a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        method = scope.get("method")
        if method == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        elif method == "OPTIONS":
            await _answer_options(scope["path"], send)
        else:
            await self._app(scope, receive, send)


class KnownMethods:
    """Refuses what no route takes, before a body is read for it."""

    def __init__(self, app: ASGIApp, peers: PeerFinder) -> None:
        self._app = app
        self._peers = peers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404 or 405, or go on."""
        if scope["type"] == "http":
            refused = refuse_method(scope["method"], scope["path"])
            if refused is not None:
                peer = self._peers.find_peer(scope["client"], scope["headers"])
                logger.warning("request_refused", peer=peer, code=refused.code)
                await _send_refusal(refused, send)
                return
        await self._app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


async def _answer_options(path: str, send: Send) -> None:
    methods = list_methods(path)
    if path == "*":  # the server as a whole
        methods = sorted({method for method, _ in ROUTE_RIGHTS} | {"HEAD", "OPTIONS"})
    if not methods:
        await _send_refusal(Refused("not-found", "there is nothing at this address"), send)
        return
    headers = [(b"allow", ", ".join(methods).encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _send_refusal(refused: Refused, send: Send) -> None:
    status, headers, body = problem_bytes(refused.code, refused.detail)
    headers += refused.headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
