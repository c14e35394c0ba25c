"""The controller of one station's lanes: a medium in, a gate that opens or stays shut.

A tap is stored, the engine is asked, and the gate's action is stored before the gate moves. Where
the engine is not asked or does not answer in time, the controller decides alone.
`gates.upkeep.Upkeep` runs beside it and sends the backlog.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

import structlog

from fare_engine.code_use import is_copy, make_use
from fare_engine.decision import Reason
from fare_engine.network import Direction, Gate
from gates.alone import apply_answer, decide_alone
from gates.breaker import Breaker
from gates.client.asynchronous import AsyncEngineClient
from gates.client.messages import Decision, TapMessage
from gates.crash import crash_point
from gates.errors import EngineFailed, OutboxBroken, OutboxFull, Refused, WrongUsage
from gates.outbox import Action, Outbox, StoredTap
from gates.reading import Medium, MediumRead, MediumReader
from gates.sending import make_message, read_results
from gates.station_file import StationFile
from gates.station_parameters import StationParameters
from gates.times import now_ms
from gates.token_states import find_state

logger = structlog.get_logger(__name__)

PENDING_MAX: Final = 20
"""Waiting taps of one token that are sent with its new one; with more, it is decided alone."""

ASK_MIN_S: Final = 0.020
"""What the engine has at least, even where storing the tap took most of the deadline."""

GATE_ID_MAX: Final = 46
"""Characters: the gate, the service date and eight digits have to fit a tap_id of 64."""

OUT_OF_ORDER: Final = "out_of_order"
"""The reason of a gate whose tap could not be stored."""


class Passage(NamedTuple):
    """What a gate does at a tap, and what its screen shows the passenger.

    `outcome` is None where the station does not know it; `tap_id` where the tap was not stored.
    """

    tap_id: str | None
    gate_id: str
    direction: int
    opens: bool
    fare: int
    reason: str
    alone: bool
    fare_waived: int = 0
    elapsed_ms: int | None = None


class Barrier(Protocol):
    """The machine at a lane."""

    def act(self, passage: Passage) -> None:
        """Open or stay shut, and show the passenger why."""


class Controller:
    """Decides the taps of a station, over its file and a client of the engine."""

    def __init__(
        self,
        station_id: str,
        file: StationFile,
        client: AsyncEngineClient,
        reader: MediumReader,
        breaker: Breaker,
        *,
        clock_ms: Callable[[], int] = now_ms,
        on_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_waiting` is called whenever there is something new to send."""
        self.station_id = station_id
        self.outbox = Outbox(file)
        self.outbox.repair()
        self.parameters = StationParameters(file, station_id)
        self.reader = reader
        self.breaker = breaker
        self._file = file
        self._client = client
        self._clock_ms = clock_ms
        self.on_waiting = on_waiting

    async def present(
        self, gate_id: str, direction: Direction, medium: Medium, barrier: Barrier
    ) -> Passage:
        """A medium was presented at a gate. MediumUnreadable when it fits none of the network."""
        if len(gate_id) > GATE_ID_MAX:
            raise WrongUsage(f"the id of a gate has {GATE_ID_MAX} characters at most: {gate_id!r}")
        presented_s = time.monotonic()
        at_ms = self._clock_ms()
        read = self.reader.read(medium, at_ms)
        crash_point("before_outbox_write")
        try:
            day = self.parameters.service_day(at_ms)
            stored = self.outbox.add(gate_id, direction, read, at_ms, day)
            crash_point("after_outbox_write")
            with self._shut_if_cut_off(stored):
                answer = await self._ask(stored, read, presented_s)
            passage = self._conclude(stored, read, answer)
        except (OutboxBroken, OutboxFull) as error:
            logger.error("tap_not_stored", gate_id=gate_id, error=str(error))
            passage = _out_of_order(gate_id, direction)
        barrier.act(passage)
        crash_point("after_gate_action")
        if passage.alone:
            self.on_waiting()
        return passage

    def report(self, tap_id: str, *, passed: bool, cause: str | None = None) -> None:
        """Report whether the passenger passed; UnknownTap when the tap is not in the outbox."""
        self.outbox.add_report(tap_id, passed, cause)
        crash_point("after_report_write")
        self.on_waiting()

    async def _ask(
        self, stored: StoredTap, read: MediumRead, presented_s: float
    ) -> Decision | None:
        """The engine's decision, or None: then the controller decides.

        Waiting taps of the same token are sent in front, or the engine would miss them.
        """
        if not self.breaker.allows():
            return None
        pending = self.outbox.list_waiting_of(stored, PENDING_MAX + 1)
        if len(pending) > PENDING_MAX:
            self.breaker.given_up()
            return None
        # The passenger waits since the medium was read: storing the tap counts.
        spent_s = time.monotonic() - presented_s
        deadline_s = max(self._client.tap_deadline_s - spent_s, ASK_MIN_S)
        message = make_message(stored, code=read.code)
        try:
            if pending:
                answer = await self._ask_with_pending(pending, message, deadline_s)
            else:
                answer = await self._client.decide(message, deadline_s)
        except EngineFailed as error:
            logger.info("engine_failed", tap_id=stored.tap.tap_id, error=str(error))
            self.breaker.failed()
            return None
        except Refused as refused:
            logger.warning("tap_refused", tap_id=stored.tap.tap_id, problem=refused.code)
            answer = None
        except BaseException:
            self.breaker.given_up()
            raise
        self.breaker.answered()
        crash_point("after_answer")
        return answer

    async def _ask_with_pending(
        self, pending: list[StoredTap], message: TapMessage, deadline_s: float
    ) -> Decision | None:
        messages = [*(make_message(one) for one in pending), message]
        *before, result = await self._client.upload(messages, deadline_s)
        self.outbox.resolve(read_results(pending, before))
        return result if isinstance(result, Decision) else None

    def _conclude(self, stored: StoredTap, read: MediumRead, answer: Decision | None) -> Passage:
        """Decide if the engine did not, and store the gate's action."""
        tap = stored.tap
        before = find_state(self._file, tap.token, self.parameters.find_pinned)
        terms = self.parameters.find_terms(tap.occurred_at_ms)
        if answer is not None:
            action = Action(answer.gate_opens, answer.fare, answer.reason, alone=False)
            after = apply_answer(before, tap, self.station_id, terms, stored.place, answer)
            elapsed_ms = answer.journey.elapsed_ms if answer.journey else None
            fare_waived = answer.fare_waived
        else:
            gate = Gate(tap.gate_id, self.station_id, frozenset(Direction))
            refusal = self._find_refusal(stored, read)
            alone = decide_alone(before, tap, gate, terms, stored.place, refusal)
            action, after, elapsed_ms, fare_waived = alone
            crash_point("after_deciding_alone")
        self.outbox.record(stored, action, (before, after))
        crash_point("after_action_write")
        return Passage(
            tap.tap_id,
            tap.gate_id,
            tap.direction,
            action.opens,
            action.fare,
            action.reason,
            action.alone,
            fare_waived,
            elapsed_ms,
        )

    def _find_refusal(self, stored: StoredTap, read: MediumRead) -> Reason | None:
        """Why a medium opens no gate, as far as the station can know."""
        if read.refusal is not None:
            return read.refusal
        if self._is_replayed(stored):
            return Reason.RIDE_CODE_REPLAYED
        return Reason.MEDIUM_BLOCKED if self.parameters.is_blocked(read.token) else None

    def _is_replayed(self, stored: StoredTap) -> bool:
        """Whether a ride code was used here before, other than by a tap repeated within grace."""
        if stored.code_id is None:
            return False
        first = self.outbox.find_code_use(stored)
        if first is None:
            return False
        terms = self.parameters.find_terms(stored.tap.occurred_at_ms)
        if terms is None:
            return True  # without a tariff there is no grace
        used, now = make_use(first, self.station_id), make_use(stored.tap, self.station_id)
        return is_copy(used, now, terms.tariff)

    @contextmanager
    def _shut_if_cut_off(self, stored: StoredTap) -> Iterator[None]:
        """A tap that is cancelled at its lane must not hold up all that come after it."""
        try:
            yield
        except BaseException:
            self.outbox.record(stored, Action(False, 0, "interrupted", alone=True))
            raise


def _out_of_order(gate_id: str, direction: Direction) -> Passage:
    """Nothing can be stored: no entry without a record, and no passenger locked in."""
    opens = direction is Direction.EXIT
    return Passage(None, gate_id, direction, opens, 0, OUT_OF_ORDER, alone=True)
