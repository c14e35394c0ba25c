"""Reads the requests of one connection, one at a time, each within its limits.

A head goes through httptools whole, once it is complete and not too large; the body is counted off
here; what follows stays unread until the request is answered. So what a connection holds is bounded
whatever comes, nothing stops at an `Upgrade`, and the key is looked at before any byte of the body.
"""

from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.auth import authenticate
from api.http.door import head
from api.http.door.body import BytesMax, ChunkedBody, LengthBody, find_bytes_max
from api.http.door.door import Door
from api.http.rights import needs_key
from api.http.tap_desk import TAP_PATHS
from fare_engine.access_key import Key

_TAP_PATHS: Final = {path.encode(): path for path in TAP_PATHS}


class RequestReader(HttpToolsProtocol):
    """The half of a connection that reads. It refuses by raising `Refused`."""

    door: Door

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rest = b""  # what has come and is not taken yet,
        self._at = 0  # from here on
        self._empty_line_bytes = 0
        self._heads = 0  # that the parser has found in what it was fed
        self._usual_bytes_max = BytesMax(self.door.settings.body_bytes_max, "body_bytes_max")
        self._bytes_max = self._usual_bytes_max
        self._body: LengthBody | ChunkedBody | None = None
        self._host: bytes | None = b""  # the last that was right
        self._authorization: bytes | None = None  # the last that was valid,
        self._keys: object = None  # among these,
        self._known_key: Key | None = None  # and its key
        self.has_key = False
        """Whether the connection has presented a valid key."""
        self.head_bytes = 0
        self.version = "1.1"
        self.keep_alive = True
        self.method = self.path = ""
        self.query = b""
        self.is_tap = False
        self.fields: dict[bytes, bytes] = {}
        """The headers by name; of those that can stand twice the last."""
        self.key: Key | None = None
        self.is_waiting = False
        """Whether the client waits for `100 Continue` before it sends the body."""

    def add(self, data: bytes) -> None:
        """Keep what has come until it is taken."""
        self._rest = self._rest[self._at :] + data if self.has_more else data
        self._at = 0

    def forget_rest(self) -> None:
        """Nothing more is taken."""
        self._rest, self._at, self._body = b"", 0, None

    @property
    def has_more(self) -> bool:
        """Whether something has come that was not taken."""
        return self._at < len(self._rest)

    @property
    def waiting_bytes(self) -> int:
        """How much of it."""
        return len(self._rest) - self._at

    @property
    def is_in_body(self) -> bool:
        """Whether the head of a request was taken, and its body is still to come."""
        return self._body is not None

    def take_request(self) -> bytes | None:
        """The body of the next request; None when it is not complete."""
        body = self._body
        if body is None:
            length = self._take_head()
            if length is None:
                return None
            end = self._at + length
            if length >= 0 and end <= len(self._rest):
                content = self._rest[self._at : end]
                self._at = end
                return content
            chunked = length == head.CHUNKED
            body = (
                ChunkedBody(self.door.settings, self._bytes_max) if chunked else LengthBody(length)
            )
            self._body = body
        self._at = body.feed(self._rest, self._at)
        if not body.is_complete:
            return None
        self._body = None
        return bytes(body.content)

    @property
    def has_more_chunks(self) -> bool:
        """Whether more of the body has come than is read in one turn."""
        return self._body is not None and self._body.has_more

    def _take_head(self) -> int | None:
        """Take a head and check it; the length of its body, None while the head is incomplete."""
        if self._rest[self._at : self._at + 1] <= b"\r":
            self._skip_empty_lines()
        data, at, settings = self._rest, self._at, self.door.settings
        end = data.find(head.END, at)
        if end < 0:
            self.method = ""
            if at < len(data):
                head.check_unfinished(data, at, settings)
            return None
        size = end + len(head.END) - at
        if size > settings.url_bytes_max or size > settings.header_bytes_max:
            head.check_sizes(data, at, end, settings)
        self._at = at + size
        self.head_bytes = size
        self._empty_line_bytes = 0
        self._parse(data[at : self._at])
        return self._check_head()

    def _skip_empty_lines(self) -> None:
        while self._rest[self._at : self._at + 1] in (b"\r", b"\n"):
            self._at += 1
            self._empty_line_bytes += 1
            if self._empty_line_bytes > head.EMPTY_LINE_BYTES_MAX:
                raise head.malformed("a request begins with its method")

    def _parse(self, data: bytes) -> None:
        """Have a whole head parsed; Refused when it is none."""
        self._heads, fault = 0, "the request cannot be read"
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it is answered over HTTP/1.1, as if the client had not asked
        except httptools.HttpParserError as error:
            self._heads, fault = 0, str(error) or fault
        if self._heads != 1:
            head.check_request_line(data[: data.find(b"\r\n")])
            raise head.malformed(fault)

    def _check_head(self) -> int:
        """Check what a head says, the same for every route; the length of the body to read."""
        headers, settings, version = self.headers, self.door.settings, self.version
        if len(headers) > settings.headers_max:
            head.check_headers(len(headers), 0, settings)
        self.fields = fields = dict(headers)
        if len(fields) != len(headers):
            head.check_repeated(headers)
        if version != "1.1":
            head.check_version(version)
        host = fields.get(b"host")
        if host is None or host != self._host:
            head.check_host(host, version)
            self._host = host
        is_open = self._find_target()
        expect = fields.get(b"expect")
        self.is_waiting = expect is not None and head.expects_continue(expect, version)
        length = head.find_length(fields, version)
        if is_open:
            self.key = None
            self.keep_alive &= not length
            return 0  # a route without a key takes no body: it is not worth reading
        self.key = self._authenticate(fields.get(b"authorization"))
        if length:
            bytes_max = self._usual_bytes_max
            if not self.is_tap:
                bytes_max = find_bytes_max(self.key, self.method, self.path, settings, bytes_max)
            self._bytes_max = bytes_max
            if length > bytes_max.bytes_max:
                bytes_max.refuse()
            # What comes next to this parser must be a head again.
            self.parser = httptools.HttpRequestParser(self)
        if not self.has_key:
            self.has_key = True
            self.on_first_key()
        return length

    def _authenticate(self, authorization: bytes | None) -> Key:
        """The key of a request; looked up anew when it is another, or other keys are in force."""
        runtime = self.door.runtime
        keys = runtime.published.keys
        key = self._known_key
        if key is None or authorization != self._authorization or keys is not self._keys:
            self._known_key = key = authenticate(runtime, authorization, self.client, self.headers)
            self._authorization, self._keys = authorization, keys
        return key

    def _find_target(self) -> bool:
        """Find out what is asked for; whether that needs no key."""
        self.method = method = self.parser.get_method().decode("ascii")
        path = _TAP_PATHS.get(self.url)
        if path is None:
            head.check_url(self.url, self.door.settings)
            path, self.query = head.find_target(method, self.url)
        self.path = path
        self.is_tap = method == "POST" and path in TAP_PATHS
        return not self.is_tap and not needs_key(method, path)

    def on_first_key(self) -> None:
        """The connection has presented a valid key for the first time."""

    # What the parser calls. It is never fed a body.

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._heads += 1
        self.version = version = self.parser.get_http_version()
        self.keep_alive = (
            version == "1.1" and self.parser.should_keep_alive() and not self.door.is_draining
        )

    def on_body(self, body: bytes) -> None: ...

    def on_message_complete(self) -> None: ...
