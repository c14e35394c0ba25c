"""A connection that breaks on demand: a TCP proxy between a controller and a real engine."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

PASS: Final = "pass"
REFUSE: Final = "refuse"
"""Reset every connection that is opened or sends anything."""
DROP: Final = "drop"
"""Drop all bytes in both directions, and keep the connection."""
DROP_ANSWERS: Final = "drop_answers"
"""Requests arrive, answers do not."""
DELAY: Final = "delay"
"""Answers come after the deadline."""
RESET: Final = "reset"
"""The request arrives, then the connection is reset."""
HALF: Final = "half"
"""The first half of an answer arrives, then the connection ends."""

FAULTS: Final = (REFUSE, DROP, DROP_ANSWERS, DELAY, RESET, HALF)
DELAY_S: Final = 0.4


class Proxy:
    """Listens at a port of its own, in a thread of its own; `mode` may change at any time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.mode = PASS
        self.connections = 0
        self.answers = 0
        """Pieces of answers that came from the engine, whatever became of them."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, mode: str) -> None:
        """Break in this way from now on; open connections break too."""
        self.mode = mode

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        if self.mode == REFUSE:
            _reset(writer)
            return
        engine_reader, engine_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.add(engine_writer)
        await asyncio.gather(
            self._carry(reader, engine_writer, writer, is_answer=False),
            self._carry(engine_reader, writer, writer, is_answer=True),
        )

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: asyncio.StreamWriter,
        *,
        is_answer: bool,
    ) -> None:
        try:
            while data := await reader.read(65_536):
                mode = self.mode
                self.answers += is_answer
                if mode == REFUSE or (mode == RESET and is_answer):
                    _reset(gate)
                elif mode == DROP or (mode == DROP_ANSWERS and is_answer):
                    continue
                elif mode == HALF and is_answer:
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    writer.close()
                else:
                    if mode == DELAY and is_answer:
                        await asyncio.sleep(DELAY_S)
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass  # the other side is gone, as a test wanted
        writer.close()

    async def _end(self) -> None:
        self._server.close()
        # A connection of the last moment is accepted by a task that starts only meanwhile.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(*others, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    def _do(self, what: "Coroutine[Any, Any, Any]") -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset and no end."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
