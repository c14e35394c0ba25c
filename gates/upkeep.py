"""What a controller does between passengers: send the backlog, fetch parameters, prune its file.

One task. Each round does what is due, then sleeps until there is something new to send or the next
thing is due. Every failed call counts for the breaker, so that an engine that went away at night is
known to be gone before the first passenger comes.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import UNSET

from gates.breaker import State
from gates.client.asynchronous import BATCH_TAPS_MAX, AsyncEngineClient
from gates.client.messages import GateSkew, Heartbeat
from gates.controller import Controller
from gates.crash import crash_point
from gates.errors import (
    Busy,
    DeadlinePassed,
    EngineFailed,
    GatesError,
    KeyRefused,
    ParametersInvalid,
    Refused,
    Unreachable,
)
from gates.outbox import StoredTap
from gates.parameters import Parameters
from gates.sending import make_message, make_report, read_results
from gates.times import format_ms, now_ms

logger = structlog.get_logger(__name__)

PROBE_DEADLINE_S: Final = 1.0
CALL_DEADLINE_S: Final = 3.0
"""No passenger waits for these calls, yet while one hangs nothing else is sent."""
HEARTBEAT_EVERY_S: Final = 10.0
REFRESH_EVERY_S: Final = 60.0
PRUNE_EVERY_S: Final = 60.0
AGAIN_AFTER_S: Final = 1.0
"""Until the next try after a failed call, or when taps of a batch stay waiting."""

RETRY_AFTER_MAX_S: Final = 60.0
"""The longest pause before the backlog is sent again, whatever `Retry-After` says."""

AT_LANE_S: Final = 0.2
"""Until the next look when the whole backlog came after a tap that is still at its lane."""


class Upkeep:
    """Runs beside a controller until it is cancelled."""

    def __init__(
        self,
        controller: Controller,
        client: AsyncEngineClient,
        controller_id: str,
        on_adopted: Callable[[Parameters], None] = lambda _parameters: None,
        clock_s: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = now_ms,
        heartbeat_every_s: float = HEARTBEAT_EVERY_S,
    ) -> None:
        """`on_adopted` is called with new parameters; `clock_ms` is the gates' clock."""
        self._controller = controller
        self._client = client
        self._controller_id = controller_id
        self._on_adopted = on_adopted
        self._clock_s = clock_s
        self._clock_ms = clock_ms
        self._heartbeat_every_s = heartbeat_every_s
        self._wake = asyncio.Event()
        self._batch_taps = BATCH_TAPS_MAX
        self._due_s = dict.fromkeys(("heartbeat", "refresh", "prune", "send"), 0.0)
        self.empty = asyncio.Event()
        """Set while the backlog is empty."""
        controller.on_waiting = self._something_waits

    async def run(self) -> None:
        """Do what is due, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            try:
                await self._round()
            except GatesError as error:
                logger.error("upkeep_failed", error=str(error))
                self._due_s["send"] = self._clock_s() + AGAIN_AFTER_S
            if not self._wake.is_set():
                waits_s = max(0.0, self._next_s() - self._clock_s())
                alarm = loop.call_later(waits_s, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    alarm.cancel()

    async def _round(self) -> None:
        breaker = self._controller.breaker
        if self._is_due("prune", PRUNE_EVERY_S):
            self._controller.outbox.prune(self._clock_ms())
        if breaker.state is State.OPEN and not breaker.is_probe_due():
            return
        try:
            if breaker.state is State.OPEN:
                await self._client.check_ready(PROBE_DEADLINE_S)
                breaker.reached()
            if self._is_due("heartbeat", self._heartbeat_every_s):
                await self._send_heartbeat()
            if self._is_due("refresh", REFRESH_EVERY_S):
                await self._refresh()
            if self._clock_s() >= self._due_s["send"]:
                await self._send()
        except KeyRefused as error:
            logger.error("key_refused", error=str(error))
            self._due_s["send"] = self._clock_s() + HEARTBEAT_EVERY_S
        except EngineFailed as error:
            logger.info("engine_failed", error=str(error))
            breaker.failed()
            self._due_s["send"] = self._clock_s() + _pause_s(error)

    async def _send(self) -> None:
        """Send the backlog: taps in their order, then reports of those that are decided."""
        outbox = self._controller.outbox
        if self.empty.is_set() and self._is_empty():
            return
        while taps := outbox.list_waiting(self._batch_taps):
            if not await self._upload(taps):
                self._due_s["send"] = self._clock_s() + AGAIN_AFTER_S
                return
        while reports := outbox.list_reports(1):
            (report,) = reports
            crash_point("before_report_sent")
            problem = None
            try:
                await self._client.report(report.tap_id, make_report(report), CALL_DEADLINE_S)
            except Refused as refused:
                logger.warning("report_quarantined", tap_id=report.tap_id, problem=str(refused))
                problem = str(refused)
            crash_point("after_report_answer")
            outbox.resolve_report(report.place, problem)
            crash_point("after_report_settled")
        if self._is_empty():
            self.empty.set()
        else:  # the rest came after a tap that is still at its lane
            self._due_s["send"] = self._clock_s() + AT_LANE_S

    async def _upload(self, taps: list[StoredTap]) -> bool:
        """Send a batch; False when some of it was not resolved, so that the next try waits."""
        outbox = self._controller.outbox
        crash_point("before_upload")
        messages = [make_message(stored) for stored in taps]
        try:
            results = await self._client.upload(messages, CALL_DEADLINE_S)
        except Refused as refused:
            return self._halve(taps, refused)
        except (DeadlinePassed, Unreachable):
            # A slow connection carries less at once; and a server that takes less than this closes
            # the connection while the rest is sent, so that its 413 is lost.
            self._batch_taps = max(1, len(taps) // 2)
            raise
        crash_point("after_upload_answer")
        resolved = read_results(taps, results)
        for place, problem in resolved:
            if problem is not None:
                logger.warning("tap_quarantined", place=place, problem=problem)
        outbox.resolve(resolved)
        crash_point("after_upload_write")
        self._batch_taps = min(2 * self._batch_taps, BATCH_TAPS_MAX)
        return len(resolved) == len(taps)

    def _halve(self, taps: list[StoredTap], refused: Refused) -> bool:
        """A whole batch was refused: try its halves, to find the tap that is to blame."""
        if len(taps) > 1:
            self._batch_taps = len(taps) // 2
            return True
        logger.warning("tap_quarantined", tap_id=taps[0].tap.tap_id, problem=str(refused))
        self._controller.outbox.resolve([(taps[0].place, str(refused))])
        self._batch_taps = BATCH_TAPS_MAX
        return True

    async def _send_heartbeat(self) -> None:
        """Report how the controller is; fetch parameters when the engine has a new version."""
        controller = self._controller
        current = controller.parameters.current
        skew = self._client.find_skew()
        gates: list[GateSkew] = []
        if skew is not None:
            gates = [GateSkew(gate_id, skew.skew_ms) for gate_id in controller.outbox.list_gates()]
        heartbeat = Heartbeat(
            sent_at=format_ms(self._clock_ms()),
            outbox_taps=controller.outbox.count().waiting,
            gates=gates,
            parameters_version=UNSET if current is None else current.version,
        )
        try:
            answer = await self._client.send_heartbeat(
                self._controller_id, heartbeat, CALL_DEADLINE_S
            )
        except Refused as refused:
            logger.warning("heartbeat_refused", problem=str(refused))
            return
        if current is None or answer.parameters_version != current.version:
            self._due_s["refresh"] = 0.0
        if skew is None and self._client.find_skew() is not None:
            await self._send_heartbeat()  # the first one measured the skew that the second reports

    async def _refresh(self) -> None:
        """Fetch the parameters, and adopt them when they are new and valid."""
        held = self._controller.parameters
        known = held.current.version if held.current else None
        try:
            document = await self._client.fetch_parameters(
                self._controller_id, known, CALL_DEADLINE_S
            )
            if document is None:
                return
            # A full block list takes longer to read than a passenger should wait.
            parameters = await asyncio.to_thread(held.read, document)
        except (Refused, ParametersInvalid) as error:
            logger.error("parameters_not_usable", error=str(error))
            return
        held.adopt(document, parameters)
        self._on_adopted(parameters)
        logger.info("parameters_adopted", version=parameters.version)

    def _is_empty(self) -> bool:
        """Whether nothing waits to be sent, also nothing that an operator released meanwhile."""
        counts = self._controller.outbox.count()
        return counts.waiting == 0 and counts.reports_waiting == 0

    def _something_waits(self) -> None:
        self.empty.clear()
        self._wake.set()

    def _is_due(self, what: str, every_s: float) -> bool:
        if self._clock_s() < self._due_s[what]:
            return False
        self._due_s[what] = self._clock_s() + every_s
        return True

    def _next_s(self) -> float:
        """When something is due next. New taps and reports wake the round by themselves."""
        breaker = self._controller.breaker
        if breaker.state is State.OPEN:
            return breaker.probe_at_s
        due_s = [self._due_s[what] for what in ("heartbeat", "refresh", "prune")]
        if not self.empty.is_set():
            due_s.append(self._due_s["send"])
        return min(due_s)


def _pause_s(error: EngineFailed) -> float:
    """How long a failed backlog waits: as long as a busy engine says, within reason."""
    said_s = error.retry_after_s if isinstance(error, Busy) else None
    return max(AGAIN_AFTER_S, min(said_s or 0.0, RETRY_AFTER_MAX_S))
