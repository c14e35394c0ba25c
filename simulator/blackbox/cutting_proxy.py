"""A proxy before PostgreSQL that cuts all connections at a moment of a commit which was chosen."""

import asyncio
import socket
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoneCame
from enum import Enum
from threading import Thread
from typing import Final

READ_BYTES: Final = 65_536
HOST: Final = "127.0.0.1"
_COMMIT: Final = b"commit_batch"


class Moment(Enum):
    """When connections are cut."""

    BEFORE = "before the commit is passed on"
    AMID = "as soon as the commit is passed on"
    AFTER = "before its answer is passed back"


class CuttingProxy:
    """Passes on what clients and one server say to each other, in a thread of its own."""

    def __init__(self, server_port: int) -> None:
        self.moment: Moment | None = None
        self._server_port = server_port
        self._cut: Future[None] = Future()
        self._links: set[_Link] = set()
        listener = socket.create_server((HOST, 0))
        self.port: int = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._closed = asyncio.Event()
        self._thread = Thread(target=self._run, args=[listener], name="proxy", daemon=True)
        self._thread.start()

    def cut(self, moment: Moment, seconds_max: float) -> bool:
        """Cut all connections at that moment of a commit; whether there was one in time.

        They are cut in any case.
        """
        self._cut, self.moment = Future(), moment
        try:
            self._cut.result(seconds_max)
        except NoneCame:
            self._loop.call_soon_threadsafe(self.cut_links)
            self._cut.result()
            return False
        return True

    def close(self) -> None:
        """Cut all connections, and take no other."""
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()

    def cut_links(self) -> None:
        """In the proxy's thread: the moment has come."""
        self.moment = None
        for link in self._links:
            link.cut()
        if not self._cut.done():
            self._cut.set_result(None)

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen(listener))

    async def _listen(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._serve, sock=listener)
        await self._closed.wait()
        server.close()
        self.cut_links()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, server[1])
        self._links.add(link)
        try:
            await asyncio.gather(link.pass_on(reader), link.pass_back(server[0]))
        except OSError:
            pass  # one of the two has hung up
        finally:
            self._links.discard(link)
            link.cut()


class _Link:
    """One connection through the proxy."""

    def __init__(
        self, proxy: CuttingProxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._statement = b""
        self._is_committing = False

    def cut(self) -> None:
        """Hang up on both. What was passed on still reaches the server."""
        self._client.transport.abort()
        self._server.close()

    async def pass_on(self, client: asyncio.StreamReader) -> None:
        """What the client says."""
        while data := await client.read(READ_BYTES):
            if self._begins_commit(data):
                self._is_committing = True
                if self._proxy.moment is Moment.BEFORE:
                    self._proxy.cut_links()
                    return
                self._server.write(data)
                if self._proxy.moment is Moment.AMID:
                    self._proxy.cut_links()
                    return
            else:
                self._server.write(data)
        self.cut()

    async def pass_back(self, server: asyncio.StreamReader) -> None:
        """What the server says."""
        while data := await server.read(READ_BYTES):
            if self._is_committing and self._proxy.moment is Moment.AFTER:
                self._proxy.cut_links()
                return
            self._is_committing = False
            self._client.write(data)
        self.cut()

    def _begins_commit(self, data: bytes) -> bool:
        """Whether a prepared `commit_batch` is called: by the name it was prepared under."""
        if data[:1] == b"P" and _COMMIT in data:
            self._statement = data[5 : data.index(b"\0", 5) + 1]
            return False
        return data[:1] == b"B" and self._statement != b"" and self._statement in data[:64]
