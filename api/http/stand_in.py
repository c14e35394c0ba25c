"""Answers new connections while the event loop stands still, on a disk that does not come back.

Small commits run in the loop, and one that hangs in the disk holds it. Then a supervisor would see
a dead process, and nobody would know why. So a thread looks for the loop's beat, and while there is
none it accepts connections itself: health and metrics are answered, all else is refused at once.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.contract.problems import problem_bytes

logger = structlog.get_logger(__name__)

BEAT_S: Final = 0.25
STALL_S: Final = 1.0
"""A loop that has not turned for so long has stalled."""

ALIVE_S: Final = 60.0
"""So long `/livez` still says that the process lives: a restart mends no disk. What stands still
for longer may be the process itself."""

CONNECTIONS_MAX: Final = 64
"""Connections at a time; others wait in the system's queue."""

HEAD_BYTES_MAX: Final = 8_192
SEND_S: Final = 0.1
DEADLINE_S: Final = 2.0
"""A client has so long to send its request and to take the answer."""


class _Conversation:
    """One request on a connection of its own."""

    def __init__(self) -> None:
        self.head = b""
        self.deadline = time.monotonic() + DEADLINE_S
        self.is_answered = False


class StandIn:
    """A thread that serves in the place of an event loop that does not turn."""

    def __init__(self, listener: socket.socket, render_metrics: Callable[[], bytes]) -> None:
        self._listener = listener
        self._render_metrics = render_metrics
        self._beat_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    @property
    def stalled_seconds(self) -> float:
        """For how long the loop has not turned; below the time between two beats it has."""
        since = time.monotonic() - self._beat_at
        return since if since > 2 * BEAT_S else 0.0

    def beat(self) -> None:
        """The loop turns."""
        self._beat_at = time.monotonic()

    def start(self) -> None:
        """Watch the loop, which listens by now."""
        self.beat()
        self._thread.start()

    def stop(self) -> None:
        """Watch it no more."""
        self._stopping.set()
        self._thread.join()

    def _is_needed(self) -> bool:
        return self.stalled_seconds > STALL_S and not self._stopping.is_set()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_S):
            if self._is_needed():
                logger.error("loop_stalled", seconds=round(self.stalled_seconds, 1))
                try:
                    with selectors.DefaultSelector() as selector:
                        self._serve(selector)
                except OSError as error:  # no descriptor is left, or the listener is closed
                    logger.error("stand_in_failed", error=str(error))
                logger.info("loop_turns")

    def _serve(self, selector: selectors.BaseSelector) -> None:
        """Until the loop turns again, and who was accepted here is answered."""
        selector.register(self._listener, selectors.EVENT_READ)
        conversations: dict[socket.socket, _Conversation] = {}
        is_listening = True
        while self._is_needed() or (conversations and not self._stopping.is_set()):
            should_listen = self._is_needed() and len(conversations) < CONNECTIONS_MAX
            if should_listen != is_listening:
                is_listening = should_listen
                if should_listen:
                    selector.register(self._listener, selectors.EVENT_READ)
                else:
                    selector.unregister(self._listener)
            for key, _ in selector.select(BEAT_S / 2):
                if key.fileobj is self._listener:
                    self._accept(selector, conversations)
                elif isinstance(key.fileobj, socket.socket) and not self._go_on(
                    key.fileobj, conversations[key.fileobj]
                ):
                    _close(key.fileobj, selector, conversations)
            now = time.monotonic()
            for connection in [one for one, it in conversations.items() if it.deadline < now]:
                _close(connection, selector, conversations)
        for connection in list(conversations):
            _close(connection, selector, conversations)

    def _accept(
        self,
        selector: selectors.BaseSelector,
        conversations: dict[socket.socket, _Conversation],
    ) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return  # the loop was first
        connection.setblocking(False)
        conversations[connection] = _Conversation()
        selector.register(connection, selectors.EVENT_READ)

    def _go_on(self, connection: socket.socket, conversation: _Conversation) -> bool:
        """Read what came, and answer a whole head; whether there is more to wait for."""
        try:
            content = connection.recv(HEAD_BYTES_MAX)
            if not content:
                return False
            if conversation.is_answered:
                return True  # the rest of a body, thrown away so that the answer arrives
            conversation.head += content
            head = conversation.head
            if b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) < HEAD_BYTES_MAX:
                return True
            conversation.is_answered = True
            connection.settimeout(SEND_S)
            connection.sendall(self._answer(head))
            connection.setblocking(False)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        stalled_s = self.stalled_seconds
        why = f"the event loop has not turned for {stalled_s:.1f} s; the disk may hang"
        is_read = method in (b"GET", b"HEAD")
        status, headers, body = problem_bytes("ledger-unavailable", why)
        if is_read and path == b"/livez" and stalled_s < ALIVE_S:
            status, headers, body = 200, [_JSON], b'{"status":"alive"}'
        elif is_read and path in (b"/livez", b"/readyz"):
            status, headers, body = problem_bytes("not-ready", f"engine: {why}")
        elif is_read and path == b"/metrics":
            with contextlib.suppress(RuntimeError):  # the loop turns again, and changes a table
                status, headers, body = 200, [_TEXT], self._render_metrics()
        lines = [b"content-length: %d" % len(body), b"connection: close"]
        lines += [b": ".join(header) for header in headers if header[0] != b"content-length"]
        content = b"" if method == b"HEAD" else body
        return STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n" + content


_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", CONTENT_TYPE_LATEST.encode())


def _close(
    connection: socket.socket,
    selector: selectors.BaseSelector,
    conversations: dict[socket.socket, _Conversation],
) -> None:
    selector.unregister(connection)
    del conversations[connection]
    connection.close()
