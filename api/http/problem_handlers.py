"""What FastAPI and Starlette raise, answered as problems: theirs and ours look alike."""

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
from api.http.bodies import NO_BODY
from fare_engine.errors import FareEngineError

ANSWERED: Final = "fare_engine.answered"
"""Set in the scope of a request whose unexpected error has been answered."""


def install(app: FastAPI) -> None:
    """Have every error of this application answered as a problem."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(FareEngineError, _on_engine_error)
    app.add_exception_handler(Exception, _on_anything)


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _respond(*problem_bytes("not-found", "there is nothing at this address"))
    headers = [(name.encode(), text.encode()) for name, text in (error.headers or {}).items()]
    code = "malformed-json" if error.status_code == 400 else find_code(error.status_code)
    return _respond(*problem_bytes(code, str(error.detail)), headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if request.scope.get(NO_BODY) and any(fault["loc"] == ("body",) for fault in error.errors()):
        return _respond(*problem_bytes("malformed-json", "the body is empty"))
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
