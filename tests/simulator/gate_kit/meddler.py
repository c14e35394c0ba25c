"""A proxy before a real server that changes what comes back: servers that break the contract."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx2

NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding", "date", "server"}


class Reply(NamedTuple):
    """An answer on its way; `request` is its method and path."""

    request: str
    status: int
    headers: dict[str, str]
    body: bytes

    def with_members(self, **members: Any) -> "Reply":
        """The same with members of its JSON changed, where it has them."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return self
        if not isinstance(document, dict) or not members.keys() <= document.keys():
            return self
        return self._replace(body=json.dumps(document | members).encode())


Change = Callable[[Reply], Reply]


@contextmanager
def meddling(url: str, change: Change) -> Iterator[str]:
    """The address of a server that answers as the one at `url`, changed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # it would hold each body back for 40 ms

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            sent = {n: v for n, v in self.headers.items() if n.lower() not in NOT_FORWARDED}
            with httpx2.Client(base_url=url, trust_env=False, timeout=30, verify=False) as client:
                got = client.request(
                    self.command, self.path, content=self.rfile.read(length), headers=sent
                )
            kept = {n: v for n, v in got.headers.items() if n not in NOT_FORWARDED}
            reply = change(Reply(f"{self.command} {self.path}", got.status_code, kept, got.content))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else reply.body)

        do_GET = do_HEAD = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
