"""What FastAPI and Starlette raise, answered as problems: theirs and ours look alike."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.contract.problems import (
    FAULTS_SHOWN_MAX,
    Headers,
    Refused,
    clean_field,
    error_bytes,
    find_code,
    problem_bytes,
)
from api.contract.taps import MEDIUM_FORMS
from fare_engine.errors import FareEngineError

_PARAMETER: Final = re.compile(r"\{[^}]+\}")
ANSWERED: Final = "fare_engine.answered"
"""Set in the scope of a request whose unexpected error has been answered."""


def install(app: FastAPI) -> None:
    """Have every error of this application answered as a problem."""
    allowed = AllowedMethods(app)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code in (404, 405):
            return _no_route(request, allowed.find(request.url.path))
        headers = [(name.encode(), text.encode()) for name, text in (error.headers or {}).items()]
        code = "malformed-json" if error.status_code == 400 else find_code(error.status_code)
        return _respond(*problem_bytes(code, str(error.detail)), headers)

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(FareEngineError, _on_engine_error)
    app.add_exception_handler(Exception, _on_anything)


class AllowedMethods:
    """Which methods an address takes, by the OpenAPI document, which has the bare handlers too."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._patterns: list[tuple[re.Pattern[str], set[str]]] = []

    def find(self, path: str) -> list[str]:
        """The methods in alphabetical order; none when there is no such address."""
        if not self._patterns:
            self._patterns = [
                (_pattern(template), {method.upper() for method in operations})
                for template, operations in self._app.openapi()["paths"].items()
            ]
        found = [methods for pattern, methods in self._patterns if pattern.fullmatch(path)]
        return sorted(set().union(*found))


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in _PARAMETER.split(template)))


def _no_route(request: Request, methods: list[str]) -> Response:
    if methods and request.method not in methods:
        detail = f"this address takes {', '.join(methods)}"
        headers = [(b"allow", ", ".join(methods).encode())]
        return _respond(*problem_bytes("method-not-allowed", detail), headers)
    return _respond(*problem_bytes("not-found", "there is nothing at this address"))


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        (clean_field(field_of(fault["loc"])), message_of(fault))
        for fault in error.errors()[:FAULTS_SHOWN_MAX]
    ]
    detail = "; ".join(f"{field}: {message}" for field, message in faults[:3])
    return _respond(*problem_bytes("invalid-request", detail, faults))


async def _on_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _respond(*problem_bytes(error.code, error.detail, error.errors), error.headers)


async def _on_engine_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, FareEngineError)
    return _respond(*error_bytes(error))


async def _on_anything(request: Request, _error: Exception) -> Response:
    """The server logs the error; the answer says only that there was one."""
    request.scope[ANSWERED] = True
    return _respond(*problem_bytes("internal-error", "the error is in the log of the server"))


def field_of(place: Iterable[int | str]) -> str:
    """The name of a field in a request: ``medium.id``, ``taps.3.gate_id``."""
    parts = [str(part) for part in place]
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    return ".".join(part for part in parts if part not in MEDIUM_FORMS)


def message_of(fault: Mapping[str, Any]) -> str:
    """What is wrong with a field, in pydantic's words and without the value."""
    message: str = fault["msg"]
    return message.removeprefix("Value error, ")


def _respond(
    status: int, headers: Headers, body: bytes, more: Iterable[tuple[bytes, bytes]] = ()
) -> Response:
    response = Response(body, status)
    response.raw_headers = [*headers, *more]
    return response
