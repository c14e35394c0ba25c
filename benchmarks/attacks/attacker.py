"""The attacker: a process of its own, with less claim to the processor than what is measured.

A real one has a machine of its own; here it takes what the server and its clients leave.
"""

import asyncio
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import uvloop

from benchmarks.attacks.catalogue import Attack

NICENESS: Final = 10
OPENED_AT_ONCE: Final = 64
PAUSE_S: Final = 0.002
"""Before a connection that was closed is opened again."""
END_MAX_S: Final = 30.0


class Traffic(NamedTuple):
    """What an attack came to."""

    sent_bytes: int
    connections: int


@contextmanager
def attacking(attack: Attack, port: int, seconds: float) -> Iterator[Callable[[], Traffic]]:
    """Attack a server for so long; the call waits for the end and says what it came to."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_attack, args=(attack, port, seconds, there), daemon=True)
    process.start()
    here.recv()  # it has begun

    def wait() -> Traffic:
        if not here.poll(seconds + END_MAX_S):
            raise RuntimeError("the attacker does not end")
        traffic: Traffic = here.recv()
        return traffic

    try:
        yield wait
    finally:
        process.kill()
        process.join()


def _attack(attack: Attack, port: int, seconds: float, there: Connection) -> None:
    os.nice(NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    there.send(None)
    there.send(uvloop.run(_Attacker(attack, port, seconds).run()))


class _Attacker:
    """All connections of an attack, each opened again when it is closed."""

    def __init__(self, attack: Attack, port: int, seconds: float) -> None:
        self._attack = attack
        self._port = port
        self._ends_at = time.monotonic() + seconds
        self._opening = asyncio.Semaphore(OPENED_AT_ONCE)
        self._sent_bytes = self._connections = 0

    async def run(self) -> Traffic:
        """Attack until the time is over."""
        tasks = [asyncio.create_task(self._go_on()) for _ in range(self._attack.connections)]
        await asyncio.sleep(self._ends_at - time.monotonic())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return Traffic(self._sent_bytes, self._connections)

    async def _go_on(self) -> None:
        while True:
            with suppress(OSError):
                await self._attack_once()
            await asyncio.sleep(PAUSE_S)

    async def _attack_once(self) -> None:
        async with self._opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._connections += 1
        reading = asyncio.create_task(_read_on(reader)) if self._attack.reads else None
        try:
            await self._send(writer, self._attack.begin)
            while self._attack.repeat:
                await self._send(writer, self._attack.repeat)
            await _read_on(reader)
        finally:
            if reading is not None:
                reading.cancel()
            _close(writer)

    async def _send(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        writer.write(content)
        await writer.drain()
        self._sent_bytes += len(content)


async def _read_on(reader: asyncio.StreamReader) -> None:
    """Read answers, and forget them, until the server closes the connection."""
    with suppress(OSError):
        while await reader.read(1_000_000):
            pass


def _close(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: thousands of ports are not to wait for their end."""
    connection = writer.get_extra_info("socket")
    linger = (1).to_bytes(4, "little") + bytes(4)
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
