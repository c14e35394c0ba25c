"""A server that answers with the bytes it is given, which no engine would answer."""

import socketserver
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class RawServer:
    """Answers one request after the other, over however many connections they come."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        self.asked_at_s: list[float] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while head := self._read_head():
                    length = next(
                        (int(line[15:]) for line in head if line.startswith(b"content-length:")),
                        0,
                    )
                    self.rfile.read(length)
                    outer.asked_at_s.append(time.monotonic())
                    if not outer._answers:
                        return
                    answer = outer._answers.pop(0)
                    self.wfile.write(answer)
                    if b"content-length: 9" in answer or not answer.startswith(b"HTTP"):
                        return

            def _read_head(self) -> list[bytes]:
                lines = []
                while line := self.rfile.readline().strip().lower():
                    lines.append(line)
                return lines

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
