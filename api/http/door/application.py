"""A request as the application gets it: whole, with its key, over ASGI."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.http.door.reader import RequestReader
from api.http.rights import KEY_IN_SCOPE


def make_cycle(
    reader: RequestReader, body: bytes, on_response: Callable[[], None]
) -> RequestResponseCycle:
    """The request that was read last, and what will write its answer.

    `on_response` is called once the answer is written.
    """
    complete = asyncio.Event()
    complete.set()
    cycle = RequestResponseCycle(
        scope=_make_scope(reader),
        transport=reader.transport,
        flow=reader.flow,
        logger=reader.logger,
        access_logger=reader.access_logger,
        access_log=reader.access_log,
        default_headers=reader.server_state.default_headers,
        message_event=complete,
        expect_100_continue=False,
        keep_alive=reader.keep_alive,
        on_response=on_response,
    )
    cycle.body += body
    cycle.more_body = False
    return cycle


def _make_scope(reader: RequestReader) -> Any:
    return {
        "type": "http",
        "asgi": {"version": reader.asgi_version, "spec_version": "2.3"},
        "http_version": reader.version,
        "server": reader.server,
        "client": reader.client,
        "scheme": reader.scheme,
        "root_path": reader.root_path,
        "method": reader.method,
        "path": reader.path,
        "raw_path": reader.path.encode(),
        "query_string": reader.query,
        "headers": reader.headers,
        "state": reader.app_state.copy(),
        KEY_IN_SCOPE: reader.key,
    }
