"""The application behind the tap routes: FastAPI, with keys, methods and bodies checked first."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

import structlog
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from api.contract.problems import Refused
from api.contract.taps import Answer
from api.http import openapi, problem_handlers
from api.http.auth import KeyRequired, require_right
from api.http.bodies import JsonBodies, send_problem
from api.http.methods import HeadAndOptions, KnownMethods
from api.http.problem_handlers import ANSWERED
from api.http.rights import Route, check_every_route_has_a_right
from api.http.routes import (
    adjustments,
    audit,
    conflicts,
    controllers,
    gates,
    health,
    issuers,
    keys,
    media,
    media_types,
    modes,
    policies,
    settlements,
    stations,
    tap_reads,
    tariffs,
)
from api.runtime.wiring import Runtime

logger = structlog.get_logger(__name__)

VERSION: Final = version("fare-engine")


class Index(Answer):
    """Where to read on."""

    name: str
    version: str
    docs: str
    openapi: str


def create_app(runtime: Runtime) -> ASGIApp:
    """Everything but the two tap routes, over an open data directory."""
    fastapi = make_fastapi()
    fastapi.state.runtime = runtime
    behind = KeyRequired(KnownMethods(JsonBodies(fastapi), runtime.peers), runtime)
    return LastResort(HeadAndOptions(behind))


def make_fastapi() -> FastAPI:
    """The routes behind the tap handlers; without a runtime they only document themselves."""
    app = FastAPIOffline(
        redoc_url=None,
        title="fare-engine",
        version=VERSION,
        redirect_slashes=False,
        dependencies=[Depends(require_right)],
    )
    for module in (
        *(stations, gates, media_types, policies, modes, tariffs, issuers, media),
        *(controllers, keys, tap_reads, settlements, adjustments, audit, conflicts, health),
    ):
        app.include_router(module.router)

    @app.get("/", tags=["health"])
    async def index() -> Index:
        """Where to read on."""
        return Index(name="fare-engine", version=VERSION, docs="/docs", openapi="/openapi.json")

    openapi.install(app)
    problem_handlers.install(app)
    check_every_route_has_a_right(list_routes(app))
    return app


def list_routes(app: FastAPI) -> Iterator[Route]:
    """All routes of an application, those that its document leaves out too."""
    for route in iter_route_contexts(app.routes):
        # A mount has no methods of its own: it serves files.
        for method in (route.methods or {"GET"}) - {"HEAD"}:
            yield method, route.path or ""


class LastResort:
    """Answers an unexpected error with a problem, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            logger.exception("request_failed", route=_name_route(scope))
            if scope.get(ANSWERED):
                return
            refused = Refused("internal-error", "the error is in the log of the server")
            try:
                await send_problem(send, refused)
            except RuntimeError:  # an answer had begun: the server must break the connection
                raise error from None


def _name_route(scope: Scope) -> str:
    """The method and path template of a request: its own path may hold anything."""
    path = getattr(scope.get("route"), "path", "unknown")
    return f"{scope.get('method')} {path}"
