"""Gates that share a connection: what was not acknowledged is kept, and sent until it is."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from simulator.blackbox.audit_log import AuditLog
from simulator.blackbox.book import Book
from simulator.blackbox.deployments import Deployment
from simulator.blackbox.line import Line, Reply, open_line
from simulator.delivery.http_client import request_bytes
from simulator.delivery.requests import BATCH_MAX, BATCH_PATH, REPORT_BODY, TAPS_PATH
from simulator.serving import NotServed
from simulator.world.plan import AGAIN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

BACKLOG_MAX: Final = 300
"""Taps of a backlog. Those of more than 128 are not committed in the server's event loop."""
BATCHED_SHARE: Final = 0.75
"""How often several taps that wait are sent together."""
PATIENCE_MAX: Final = 12
"""Attempts that fail before the gates decide alone; some give up at once."""
FAILING_MAX_S: Final = 120.0
"""After failing for so long the run ends with an error."""
ANSWER_MAX_S: Final = 2.0
"""Gates wait for an answer for so long, and send again."""
CHANGE_SHARE: Final = 0.1
"""How often the next request goes to another worker, though nothing is wrong."""
ALONE_TAPS_MAX: Final = 6
"""Passengers who come meanwhile."""
TRY_AGAIN_S: Final = 0.1

OFFLINE: Final = {"gate_action_taken": "open", "fare_taken": 0}
REPORT: Final[dict[str, Any]] = msgspec.json.decode(REPORT_BODY)

_read_results: Final = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


class Message:
    """A tap on its way to be acknowledged, or the report that nobody passed at it."""

    def __init__(self, tap: WorldTap, body: dict[str, Any], *, is_report: bool = False) -> None:
        self.tap = tap
        self.body = body
        self.is_report = is_report
        self.sent = 0
        self.is_known = False
        """Acknowledged, and sent once more by a gate that had timed out."""

    @property
    def tap_id(self) -> str:
        """Of its tap."""
        tap_id: str = self.body["tap_id"]
        return tap_id

    @property
    def is_last_of_batch(self) -> bool:
        """Its report comes before the next tap."""
        return bool(self.tap.flags & TURNED_BACK)


class Controller:
    """Takes the taps of its passengers in their order, and brings them to the engine."""

    def __init__(
        self,
        deployment: Deployment,
        presenter: Presenter,
        book: Book,
        log: AuditLog,
        chance: random.Random,
        *,
        backlog_share: float,
    ) -> None:
        """`backlog_share`: how often a backlog is sent instead of the next tap."""
        self.due: deque[WorldTap] = deque()
        self._deployment = deployment
        self._presenter = presenter
        self._book = book
        self._log = log
        self._chance = chance
        self._backlog_share = backlog_share
        self._outbox: deque[Message] = deque()
        self._line: Line | None = None
        self._at = chance.randrange(1_000)
        """Which worker it sends to."""
        self._failures = 0
        self._failing_since = 0.0
        self._patience = 0

    @property
    def waiting(self) -> int:
        """Taps that are not acknowledged."""
        return len(self.due) + len(self._outbox)

    def list_outbox(self) -> list[str]:
        """The taps that were sent, or decided alone, and not acknowledged."""
        return [message.tap_id for message in self._outbox]

    async def work(self) -> None:
        """Send until all is acknowledged, whatever happens to the engine meanwhile."""
        while self.waiting:
            try:
                await self._send_next()
            except OSError as error:
                if isinstance(error, TimeoutError):
                    self._book.counts["timed out"] += 1
                await self._fail()

    def hang_up(self) -> None:
        """Leave the worker."""
        if self._line is not None:
            self._line.close()
        self._line = None

    async def _fail(self) -> None:
        """An attempt failed: another one follows, elsewhere. The gates may lose patience."""
        if not self._failures:
            self._failing_since = time.monotonic()
            self._patience = self._chance.randrange(PATIENCE_MAX)
        elif time.monotonic() - self._failing_since > FAILING_MAX_S:
            raise NotServed(f"nobody was served within {FAILING_MAX_S:g} s")
        if self._failures == self._patience:
            self._decide_alone()
        self._failures += 1
        self._change()
        await asyncio.sleep(TRY_AGAIN_S)

    def _change(self) -> None:
        """Go on with another worker."""
        self.hang_up()
        self._at += 1

    async def _reach(self) -> None:
        """Connect to the worker whose turn it is; OSError while it does not listen."""
        if self._line is None:
            urls = self._deployment.urls
            try:
                self._line = await open_line(urls[self._at % len(urls)])
            except OSError:
                self._book.counts["tried in vain"] += 1
                raise

    def _decide_alone(self) -> None:
        self._take(self._chance.randrange(ALONE_TAPS_MAX))
        for message in self._outbox:
            # Who still has to report that nobody passed must not report that the gate opened.
            if message.is_report or message.is_known or message.is_last_of_batch:
                continue
            if "offline" not in message.body:
                message.body["offline"] = OFFLINE
                self._book.counts["decided alone"] += 1

    def _take(self, taps: int) -> None:
        """The next passengers tap."""
        for _ in range(min(taps, len(self.due))):
            tap = self.due.popleft()
            message = Message(tap, self._presenter.body(tap))
            self._book.bodies[message.tap_id] = message.body
            self._outbox.append(message)

    async def _send_next(self) -> None:
        if not self._outbox:
            is_backlog = self._chance.random() < self._backlog_share
            self._take(self._chance.randrange(2, BACKLOG_MAX + 1) if is_backlog else 1)
        first = self._outbox[0]
        if self._chance.random() < CHANGE_SHARE:
            self._change()
        await self._reach()
        if first.is_report:
            await self._send_report(first)
            return
        together = [first]
        if len(self._outbox) > 1 and self._chance.random() < BATCHED_SHARE:
            together = self._find_batch()
        if len(together) == 1:
            await self._send_tap(first)
        else:
            await self._send_batch(together)

    def _find_batch(self) -> list[Message]:
        """As many taps from the front as may go together."""
        batch: list[Message] = []
        for message in self._outbox:
            if message.is_report or len(batch) == BATCH_MAX:
                break
            batch.append(message)
            if message.is_last_of_batch:
                break
        return batch

    async def _send_tap(self, message: Message) -> None:
        self._count([message])
        request = self._log.tap_sent(message.body)
        sent_at, body = datetime.now(UTC), msgspec.json.encode(message.body)
        reply = await self._ask(request, TAPS_PATH, body, is_marked=True)
        if await self._is_final(reply, [message]):
            self._acknowledge([message], [reply.body], sent_at)

    async def _send_batch(self, batch: Sequence[Message]) -> None:
        self._count(batch)
        counts = self._book.counts
        counts["sent in batches"] += len(batch)
        counts["largest batch"] = max(counts["largest batch"], len(batch))
        bodies = [message.body for message in batch]
        request = self._log.batch_sent(bodies)
        sent_at, body = datetime.now(UTC), msgspec.json.encode({"taps": bodies})
        reply = await self._ask(request, BATCH_PATH, body)
        if await self._is_final(reply, batch):
            results = [bytes(raw) for raw in _read_results(reply.body)["results"]]
            self._acknowledge(batch, results, sent_at)

    async def _send_report(self, message: Message) -> None:
        self._count([message])
        request = self._log.report_sent(message.tap_id, REPORT)
        path = f"{TAPS_PATH}/{message.tap_id}/report"
        reply = await self._ask(request, path, REPORT_BODY)
        if await self._is_final(reply, [message]):
            self._book.compare(message.tap_id, reply.body)
            self._outbox.popleft()

    async def _ask(self, request: str, path: str, body: bytes, *, is_marked: bool = False) -> Reply:
        assert self._line is not None, "it was not reached"
        try:
            content = request_bytes(path, self._deployment.key, body)
            reply = await self._line.ask_one(content, ANSWER_MAX_S)
        except OSError:
            self._log.unanswered(request)
            raise
        self._log.answered(request, reply, is_marked=is_marked)
        return reply

    async def _is_final(self, reply: Reply, messages: Sequence[Message]) -> bool:
        """Whether a request was served. What is refused for good is quarantined, as gates must."""
        if reply.status < 500:
            self._failures = 0
        if reply.status == 200:
            return True
        if reply.status >= 500:
            self._book.counts["answered 5xx"] += 1
            await self._fail()
            return False
        for message in messages:
            self._book.refuse(message.tap_id, reply.status, reply.body)
            self._outbox.popleft()
        return False

    def _acknowledge(
        self, messages: Sequence[Message], answers: Sequence[bytes], sent_at: datetime
    ) -> None:
        """Taps from the front of the outbox are answered."""
        following: list[Message] = []
        for message, answer in zip(messages, answers, strict=True):
            self._outbox.popleft()
            tap = message.tap
            if not self._book.take(tap, message.tap_id, answer, sent_at):
                continue
            if tap.flags & AGAIN and not message.is_known:
                message.is_known = True
                following.append(message)
                self._change()  # a gate that had timed out sends it to another worker
            if tap.flags & TURNED_BACK:
                following.append(Message(tap, message.body, is_report=True))
        self._outbox.extendleft(reversed(following))

    def _count(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.sent and not message.is_known:
                self._book.counts["resent"] += 1
            message.sent += 1
