"""How operator commands reach the engine: always over its API.

A server that runs on the data directory is called over HTTP. Where none runs, the command opens the
directory and calls the same application inside its own process, so both ways check, store and audit
alike.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final

import httpx2

from api.cli.shared.output import format_problem
from api.http.app import create_app
from api.runtime.logs import configure_logs
from api.runtime.place import get_place
from api.runtime.service import now_ms
from api.runtime.settings import Settings, find_admin_key
from api.runtime.wiring import open_runtime
from fare_engine.access_key import ADMIN, Key
from fare_engine.errors import ConfigurationError, DataDirectoryInUse, FareEngineError
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.stores.keys import hash_secret

TIMEOUT_S: Final = 60.0
ACTOR: Final = "command line"
_PAGE: Final = 1_000


class CallFailed(FareEngineError):
    """The engine answered a command with a problem."""

    code = "call-failed"


class Operator:
    """Calls the API and returns its answers."""

    def __init__(self, runner: asyncio.Runner, client: httpx2.AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        timeout_s: float | None = TIMEOUT_S,
        **query: Any,
    ) -> Any:
        """One call. CallFailed carries the problem of the answer. A timeout of None is no limit."""
        query = {name: value for name, value in query.items() if value is not None}
        try:
            request = self._client.request(method, path, json=body, params=query, timeout=timeout_s)
            response = self._runner.run(request)
        except httpx2.HTTPError as error:
            raise CallFailed(f"the server cannot be reached: {error}") from error
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.is_error:
            raise CallFailed(format_problem(answer))
        return answer

    def list_all(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, page after page."""
        items: list[Any] = []
        cursor = None
        while True:
            page = self.call("GET", path, limit=_PAGE, cursor=cursor, **query)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


@contextmanager
def open_operator(settings: Settings) -> Iterator[Operator]:
    """An operator on a server that is named or holds the data directory, else on the ledger."""
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    with asyncio.Runner() as runner:
        if settings.api_url is not None:
            with _call_server(runner, settings, settings.api_url) as operator:
                yield operator
            return
        place = get_place(settings).open()
        try:
            with place.lock(ACTOR):
                stack = AsyncExitStack()
                client = runner.run(_open_here(place, settings, stack))
                try:
                    yield Operator(runner, client)
                finally:
                    runner.run(stack.aclose())
            return
        except DataDirectoryInUse as error:
            if error.url is None:
                raise
            url = error.url
        with _call_server(runner, settings, url) as operator:
            yield operator


@contextmanager
def _call_server(runner: asyncio.Runner, settings: Settings, url: str) -> Iterator[Operator]:
    key = find_admin_key(settings)
    if key is None:
        raise ConfigurationError(
            f"the server at {url} has to be asked: give its admin key in FARE_ADMIN_KEY"
        )
    client = _client(key, url, None)
    try:
        yield Operator(runner, client)
    finally:
        runner.run(client.aclose())


async def _open_here(
    place: LedgerPlace, settings: Settings, stack: AsyncExitStack
) -> httpx2.AsyncClient:
    """A client of an application in this process; its key is valid nowhere else."""
    keys = {hash_secret(ACTOR): Key(ACTOR, ADMIN, ACTOR, None, now_ms())}
    runtime = await stack.enter_async_context(open_runtime(place, settings, keys))
    client = _client(ACTOR, "http://here", httpx2.ASGITransport(create_app(runtime)))
    return await stack.enter_async_context(client)


def _client(key: str, url: str, transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport,
        base_url=url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=TIMEOUT_S,
        trust_env=False,
    )
