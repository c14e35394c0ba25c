"""Acknowledged taps asked for again, once the engine is up: nothing lost, nothing changed."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from simulator.blackbox.audit_log import AuditLog
from simulator.blackbox.book import Book
from simulator.blackbox.deployments import Deployment
from simulator.blackbox.line import ANSWER_MAX_S, Line, Reply, get_bytes, open_line
from simulator.delivery.http_client import request_bytes
from simulator.delivery.requests import BATCH_PATH, TAPS_PATH

READERS: Final = 8
"""Connections that read."""
TOGETHER: Final = 500
"""Taps asked again in one batch at the end."""
ASK_AGAIN_S: Final = 0.1
"""A worker that was idle during a fault may find out only now that it has to connect again."""

_read_results: Final = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


class Reader:
    """Asks all workers of an engine that is up and quiet."""

    def __init__(self, deployment: Deployment, book: Book, log: AuditLog) -> None:
        self._deployment = deployment
        self._book = book
        self._log = log

    async def ask_again(self, tap_ids: Sequence[str]) -> None:
        """Send acknowledged taps once more, each by itself."""
        await self._share_out(tap_ids, self._ask_one_again)

    async def ask_all_again(self) -> None:
        """Send every acknowledged tap once more, in batches."""
        tap_ids = [*self._book.answers]
        batches = [tap_ids[place : place + TOGETHER] for place in range(0, len(tap_ids), TOGETHER)]
        await self._share_out(batches, self._ask_batch_again)

    async def read(self, tap_ids: Sequence[str], done: Callable[[int], None]) -> None:
        """Read taps back from the ledger with all that it knows of them."""
        read = 0

        async def read_one(line: Line, tap_id: str) -> None:
            nonlocal read
            await self._read(line, tap_id)
            read += 1
            done(read)

        await self._share_out(tap_ids, read_one)

    async def _share_out(
        self, things: Sequence[Any], ask: Callable[[Line, Any], Coroutine[Any, Any, None]]
    ) -> None:
        remaining = iter(things)

        async def read(url: str) -> None:
            line = await open_line(url)
            for thing in remaining:
                await ask(line, thing)
            line.close()

        urls = self._deployment.urls
        await asyncio.gather(*[read(urls[number % len(urls)]) for number in range(READERS)])

    async def _ask(self, line: Line, content: bytes) -> Reply:
        deadline_s = time.monotonic() + ANSWER_MAX_S
        while (reply := await line.ask_one(content)).status == 503:
            if time.monotonic() > deadline_s:
                break
            self._book.counts["answered 5xx"] += 1
            await asyncio.sleep(ASK_AGAIN_S)
        return reply

    async def _ask_one_again(self, line: Line, tap_id: str) -> None:
        tap = self._book.bodies[tap_id]
        request = self._log.tap_sent(tap)
        content = request_bytes(TAPS_PATH, self._deployment.key, msgspec.json.encode(tap))
        reply = await self._ask(line, content)
        self._log.answered(request, reply, is_marked=True)
        if reply.status == 200:
            self._book.compare_again(tap_id, reply.body, replayed=reply.replayed)
        else:
            self._book.refuse(tap_id, reply.status, reply.body)

    async def _ask_batch_again(self, line: Line, tap_ids: Sequence[str]) -> None:
        taps = [self._book.bodies[tap_id] for tap_id in tap_ids]
        request = self._log.batch_sent(taps)
        body = msgspec.json.encode({"taps": taps})
        reply = await self._ask(line, request_bytes(BATCH_PATH, self._deployment.key, body))
        self._log.answered(request, reply, is_marked=False)
        if reply.status != 200:
            self._book.refuse(tap_ids[0], reply.status, reply.body)
            return
        for tap_id, raw in zip(tap_ids, _read_results(reply.body)["results"], strict=True):
            self._book.compare_at_last(tap_id, bytes(raw))

    async def _read(self, line: Line, tap_id: str) -> None:
        path = f"{TAPS_PATH}/{tap_id}"
        reply = await self._ask(line, get_bytes(path, self._deployment.key))
        if reply.status != 200:
            self._log.read_back(tap_id, reply.status, None)
            self._book.findings.add("lost", f"{tap_id} is answered {reply.status} when read")
            return
        stored = msgspec.json.decode(reply.body)
        self._log.read_back(tap_id, 200, stored)
        self._book.compare_stored(tap_id, stored)
