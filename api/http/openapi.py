"""The OpenAPI document, generated from the code: `python -m api.http.openapi` writes it.

The two tap routes are answered by bare handlers that the framework does not see; their entries are
made here from the models that those handlers are tested against.
"""

import json
import threading
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.contract.problems import CONTENT_TYPE
from api.contract.taps import BatchAnswer, BatchRequest, Problem, TapDecision, TapRequest
from api.contract.tariffs import TariffRequest
from api.http.rights import needs_key
from api.runtime.beside_taps import run_beside_taps

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
DESCRIPTION: Final = (
    "Decides at metro gates whether a passenger who enters and leaves at one station crossed it "
    "or rode. Times are RFC 3339 with an offset, money is integer fen, errors are RFC 9457."
)
_REF: Final = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Have the application document its whole contract, the bare handlers included."""
    making = threading.Lock()

    def openapi() -> dict[str, Any]:
        with making:  # many may be the first to ask
            if app.openapi_schema is None:
                app.openapi_schema = _make_document(app)
            return app.openapi_schema

    async def send_document(_request: Request) -> JSONResponse:
        # The first call takes a third of a second, in a thread: taps are decided meanwhile.
        return JSONResponse(await run_beside_taps(app.openapi))

    app.openapi = openapi  # type: ignore[method-assign]
    assert app.openapi_url is not None
    # Before FastAPI's own route, which would hold up the event loop.
    app.router.routes.insert(0, Route(app.openapi_url, send_document, include_in_schema=False))


def _make_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    schemas.update(_schemas([TapRequest, BatchRequest, TariffRequest], "validation"))
    schemas.update(_schemas([TapDecision, BatchAnswer, Problem], "serialization"))
    document["paths"] |= _tap_paths()
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "a gate key or an admin key; `fare-engine keys create` makes one",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _finish(operation, secured=needs_key(method.upper(), path))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _schemas(models: list[type[BaseModel]], mode: Any) -> dict[str, Any]:
    _, definitions = models_json_schema([(model, mode) for model in models], ref_template=_REF)
    found: dict[str, Any] = definitions["$defs"]
    return found


def _tap_paths() -> dict[str, Any]:
    return {
        "/v1/taps": {
            "post": _tap_operation(
                "decide_tap",
                "One tap, one decision",
                "Acknowledged only after the decision is durable. The same tap again answers the "
                "first decision, with `Idempotent-Replayed: true`.",
                TapRequest,
                TapDecision,
                {
                    "Idempotent-Replayed": {
                        "description": "`true` where this tap was decided before",
                        "schema": {"type": "string", "enum": ["true"]},
                    }
                },
            )
        },
        "/v1/taps/batch": {
            "post": _tap_operation(
                "decide_taps",
                "Up to 1,000 taps, decided in order",
                "One result a tap, in order: a decision, or a problem for that tap alone. A tap "
                "that does not fit the contract fails alone.",
                BatchRequest,
                BatchAnswer,
                {},
            )
        },
    }


def _tap_operation(
    name: str,
    summary: str,
    description: str,
    request: type[BaseModel],
    answer: type[BaseModel],
    headers: dict[str, Any],
) -> dict[str, Any]:
    answered: dict[str, Any] = {
        "description": "Decided and durable",
        "content": {"application/json": {"schema": _ref(answer)}},
    }
    if headers:
        answered["headers"] = headers
    return {
        "tags": ["taps"],
        "operationId": name,
        "summary": summary,
        "description": description,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(request)}},
        },
        "responses": {"200": answered},
    }


def _finish(operation: dict[str, Any], *, secured: bool) -> None:
    """Every error is a problem, and a route that needs a key says so."""
    problem = {"content": {CONTENT_TYPE: {"schema": _ref(Problem)}}}
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = {"description": "The request cannot be answered so", **problem}
    responses["5XX"] = {"description": "The engine cannot answer now", **problem}
    if secured:
        operation["security"] = [{"key": []}]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def render(app: FastAPI) -> str:
    """The document as it is committed."""
    return json.dumps(app.openapi(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    from api.http.app import make_fastapi

    DOCUMENT.write_text(render(make_fastapi()), "utf-8")
