"""The server's HTTP protocol: taps go straight to the tap desk, all else to the application.

uvicorn keeps what it does well: requests of the application (`RequestResponseCycle`), their tasks,
flow control and the order of the shutdown. That uses names which it does not promise to keep, so
`pyproject.toml` bounds its version from above. Before the bound is raised, these places are to be
compared with the new version:

1. The imports of `HttpToolsProtocol`, `RequestResponseCycle` and `STATUS_LINE`.
2. Of `HttpToolsProtocol`: `transport`, `flow`, `parser`, `url`, `headers`, `cycle`, `client`,
   `server`, `scheme`, `root_path`, `asgi_version`, `app_state`, `logger`, `access_log`,
   `_start_asgi_task`, `connection_made`, `connection_lost`, `pause_writing` and `resume_writing`;
   all other callbacks of the parser and of the transport are replaced here or in
   `api.http.door.reader`.
3. Of `RequestResponseCycle`, here and in `api.http.door.application`: how it is made, `body`,
   `more_body`, `message_event`, `disconnected` and `keep_alive`.
4. `server_state.default_headers`.
5. `api.http.server`: `server_state.connections` and `tasks`, and of `uvicorn.Server` the methods
   `startup`, `shutdown` and `capture_signals` with the flags `should_exit` and `force_exit`.
"""

import asyncio
from enum import Enum, auto
from functools import partial
from math import inf
from time import perf_counter
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from api.contract.problems import Refused
from api.http.door import head
from api.http.door.application import make_cycle
from api.http.door.door import Door
from api.http.door.reader import RequestReader
from api.http.door.unsent import count_unsent
from api.http.rights import METHODS
from api.http.tap_desk import TAPS, Response, refused_bytes
from api.runtime.failed_authentications import COUNTED_CODES

logger = structlog.get_logger(__name__)

LARGE_BYTES: Final = 65_536
READ_AHEAD_BYTES: Final = 65_536
"""Bytes behind a request that is being answered; with more, reading waits."""
TURN_S: Final = 0.002
"""How long requests of one connection are answered before others have their turn."""
LINGER_SECONDS: Final = 2
LINGER_BYTES_MAX: Final = 8 * 2**20
"""What is read and forgotten behind a refusal, so that its answer is not lost with the rest."""
WRITE_PROGRESS_BYTES: Final = 16_384
"""A client that has read so much of its answers before the deadline gets another one."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_SERVER_ANSWER: Final[Response] = (204, [(b"allow", ", ".join(METHODS).encode())], b"")


class State(Enum):
    """What a connection waits for."""

    OPENED = auto()  # the first byte
    HEAD = auto()
    BODY = auto()
    ANSWERING = auto()
    UNREAD = auto()  # the client, to read what it was answered
    IDLE = auto()  # the next request
    CLOSING = auto()


_OPENED, _HEAD, _BODY, _ANSWERING, _UNREAD, _IDLE, _CLOSING = State


class Protocol(RequestReader):
    """HTTP/1.1, one request of a connection after the other, each wait with a deadline."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.deadline = inf
        self.held_bytes = 0
        self._state = _OPENED
        self._is_advancing = self._is_yielding = self._is_at_end = False
        self._is_reading_paused = False
        self._discarded_bytes = 0
        self._unread_bytes = 0

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in; another one may have to make room."""
        super().connection_made(transport)
        self._wait(_OPENED, self.door.settings.first_byte_seconds)
        self.door.connections.admit(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; what is being decided is decided all the same."""
        self.door.connections.forget(self)
        self._state, self.deadline = _CLOSING, inf
        self.forget_rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, as far as it is its turn."""
        state = self._state
        if state is _CLOSING:
            self._discard(len(data))
            return
        if self._at == len(self._rest):
            self._rest, self._at = data, 0
        else:
            self.add(data)
        if state is _ANSWERING or state is _UNREAD or self._is_yielding:
            if self._must_wait_to_read and not self._is_reading_paused:
                self._is_reading_paused = True
                self.transport.pause_reading()
            self._note_held()
        else:
            self._advance()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what a client has sent before it closed its half; then close."""
        self._is_at_end = True
        return self._is_busy

    def pause_writing(self) -> None:
        """The client does not read: nothing more is begun for it."""
        super().pause_writing()
        if self._state is not _CLOSING:
            self._wait_for_reader()

    def resume_writing(self) -> None:
        """It has read enough to go on."""
        super().resume_writing()
        if self._state is _ANSWERING:
            self.deadline = inf
        elif self._state is _UNREAD:
            self._wait(_IDLE, self.door.settings.keep_alive_seconds)
            self._advance()

    # One request after the other.

    @property
    def _is_busy(self) -> bool:
        """Whether what comes now has to wait."""
        return self._state is _ANSWERING or self._state is _UNREAD or self._is_yielding

    @property
    def _must_wait_to_read(self) -> bool:
        return self._is_busy and self.waiting_bytes > READ_AHEAD_BYTES

    def _advance(self) -> None:
        """Take requests until something is missing, or has to be waited for."""
        self._is_advancing = True
        taken, ends_at = 0, 0.0
        try:
            while (body := self.take_request()) is not None:
                self._dispatch(body)
                if self._state is not _IDLE or self._at == len(self._rest):
                    break
                taken += 1
                ends_at = ends_at or perf_counter() + TURN_S
                if taken >= self.door.settings.pipelined_requests_max or perf_counter() > ends_at:
                    self._yield()
                    break
            else:
                self._wait_for_more()
        except Refused as refused:
            self.refuse(refused)
        self._is_advancing = False
        if self._is_reading_paused and not self._must_wait_to_read:
            self._is_reading_paused = False
            self.transport.resume_reading()
        if not self.has_key:
            self._note_held()
        if self._is_at_end and not self._is_busy:
            self._close()

    def _wait_for_more(self) -> None:
        """A request is not complete: it has a deadline from its first byte, and from its body's."""
        settings = self.door.settings
        if self.is_in_body:
            if self.has_more_chunks:
                self._yield()
            if self._state is not _BODY:
                self._wait(_BODY, settings.body_seconds)
                if self.is_waiting:
                    self.transport.write(_CONTINUE)
        elif self.has_more and self._state is not _HEAD:
            self._wait(_HEAD, settings.head_seconds)

    def _yield(self) -> None:
        """Let other connections have their turn."""
        self._is_yielding = True
        (self.door.batches if self.has_key else self.door.without_key).begin_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_yielding = False
        if self._state is not _CLOSING and not self._is_busy:
            self._advance()

    def _dispatch(self, body: bytes) -> None:
        """Have a request answered that is complete."""
        self._state, self.deadline = _ANSWERING, inf
        if self.is_tap and self.key is not None:
            desk, key, fields = self.door.desk, self.key, self.fields
            if self.path == TAPS:
                desk.take(TAPS, key, fields, body, self.respond)
            else:
                take = partial(desk.take, self.path, key, fields, body, self.respond)
                self.door.batches.begin_soon(take)
        elif self.path == head.SERVER:
            self.respond(_SERVER_ANSWER)
        else:
            self._ask_application(body)

    def _ask_application(self, body: bytes) -> None:
        self.cycle = cycle = make_cycle(self, body, self.on_response_complete)
        if self.key is None:
            self.door.without_key.begin_soon(partial(self._begin, cycle))
        else:
            self._start_asgi_task(cycle, self.app)

    def _begin(self, cycle: RequestResponseCycle) -> None:
        if not cycle.disconnected:
            self._start_asgi_task(cycle, self.app)

    def on_first_key(self) -> None:
        """Others cannot make it close any more."""
        self.keep_alive &= self.door.connections.know(self)

    # Answers.

    def respond(self, response: Response) -> None:
        """Answer a request of ours, head and body at once."""
        if self.transport.is_closing():
            return
        self._write(response)
        if self.keep_alive:
            self._finish()
        else:
            self._close()

    def _write(self, response: Response) -> None:
        status, headers, body = response
        content = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            content += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            content.append(b"connection: close\r\n")
        content += (b"\r\n", body)
        if len(body) < LARGE_BYTES:
            self.transport.write(b"".join(content))
        else:  # not copied once more
            self.transport.writelines((b"".join(content[:-1]), body))

    def on_response_complete(self) -> None:
        """The application has written its answer."""
        self.cycle = None  # type: ignore[assignment]
        if self.transport.is_closing():
            self._close()
        else:
            self._finish()

    def _finish(self) -> None:
        """The answer is written: let go of the request, and come to the next one."""
        self.headers, self.fields, self.head_bytes = [], {}, 0
        if not self.has_key:
            self.door.connections.note_answered(self)
        if self.flow.write_paused:
            self._state = _UNREAD  # its deadline is set
        else:
            self._state = _IDLE
            self.deadline = self.loop.time() + self.door.settings.keep_alive_seconds
            if not self._is_advancing and (self._at < len(self._rest) or self._is_at_end):
                self._advance()

    def refuse(self, refused: Refused) -> None:
        """Answer a request that is not read any further, and close."""
        if isinstance(refused, head.LimitExceeded):
            self.door.counts.refused[refused.limit] += 1
        if refused.code not in COUNTED_CODES:
            peer = self.door.runtime.peers.find_peer(self.client, self.headers or ())
            logger.warning("request_refused", peer=peer, code=refused.code)
        self.keep_alive = False
        status, headers, body = refused_bytes(refused)
        self._write((status, headers, b"" if self.method == "HEAD" else body))
        self._wait(_CLOSING, LINGER_SECONDS)
        self.forget_rest()
        self.transport.write_eof()

    def _discard(self, count: int) -> None:
        """Something has come behind a refusal: were it left unread, the answer would be lost."""
        self._discarded_bytes += count
        if self._discarded_bytes > LINGER_BYTES_MAX:
            self.transport.abort()

    # Deadlines, limits and the end.

    def check(self, now: float) -> None:
        """Act on a deadline that is over."""
        if self._state is not _CLOSING and self.transport.is_closing():
            self._close()  # by the application, in the middle of an answer
        if not self.has_key:
            self._note_held()
        if now < self.deadline:
            return
        settings = self.door.settings
        if self._state is _HEAD:
            self._time_out("head_seconds", f"a head is waited for for {settings.head_seconds} s")
        elif self._state is _BODY:
            self._time_out("body_seconds", f"a body is waited for for {settings.body_seconds} s")
        elif self._state is _OPENED or self._state is _IDLE:
            opened = self._state is _OPENED
            self.door.counts.closed["first_byte_seconds" if opened else "keep_alive_seconds"] += 1
            self._close()
        elif self._state is _CLOSING and not self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._count_unread() + WRITE_PROGRESS_BYTES > self._unread_bytes:
            self.drop("write_seconds")
        else:
            self._wait_for_reader()

    def _time_out(self, limit: str, detail: str) -> None:
        self.refuse(head.LimitExceeded(limit, "request-timeout", detail))

    def drop(self, limit: str) -> None:
        """Close at once, without an answer."""
        self.door.counts.closed[limit] += 1
        self.door.connections.forget(self)
        self._wait(_CLOSING, LINGER_SECONDS)
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: close, or do so behind the answer to what is complete."""
        if self._state is not _ANSWERING:
            self._close()
        self.keep_alive = False
        if self.cycle is not None:
            self.cycle.keep_alive = False
        if self.deadline < inf:  # nobody reads what was answered
            self.deadline = min(self.deadline, self.loop.time() + self.door.closing_seconds)

    def _wait(self, state: State, seconds: float) -> None:
        self._state = state
        self.deadline = self.loop.time() + seconds

    def _wait_for_reader(self) -> None:
        self._unread_bytes = self._count_unread()
        self.deadline = self.loop.time() + self.door.settings.write_seconds

    def _count_unread(self) -> int:
        """Bytes of answers that have not come to the client; the system keeps megabytes of them."""
        return self.transport.get_write_buffer_size() + count_unsent(self.transport)

    def _close(self) -> None:
        """Close once all that was answered is written."""
        if self._state is not _CLOSING:
            self._unread_bytes = self._count_unread()
            self._wait(_CLOSING, self.door.closing_seconds)
        self.transport.close()

    def _note_held(self) -> None:
        """Say what this connection makes the server hold, while it has no key."""
        if self.has_key:
            return
        held = self.waiting_bytes + self.head_bytes + self.transport.get_write_buffer_size()
        if held != self.held_bytes:
            self.door.connections.hold(self, held)


def make_protocol(door: Door) -> type[Protocol]:
    """The protocol of a server whose connections come through this door."""
    return type("DoorProtocol", (Protocol,), {"door": door})
