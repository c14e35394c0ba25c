"""The head of a request: its sizes, its target, and the headers that say what it means.

A head is judged while it arrives, so that none is kept longer than its limits allow. What is legal
means the same on every route: an absolute target is its path, an escaped letter is the letter.
"""

import re
from collections import Counter
from typing import Final
from urllib.parse import unquote_to_bytes

from api.contract.problems import Refused
from api.runtime.settings import Settings

RequestHeaders = list[tuple[bytes, bytes]]

END: Final = b"\r\n\r\n"
CHUNKED: Final = -1
"""The length of a body that says its length only as it comes."""
SERVER: Final = "*"
"""The path of `OPTIONS *`, which asks for nothing but an answer."""
METHOD_BYTES_MAX: Final = 32
EMPTY_LINE_BYTES_MAX: Final = 16
"""Line ends before a request: old clients send one behind a body."""

_LENGTH_DIGITS_MAX: Final = 15
_SINGLE: Final = frozenset(
    {
        *(b"authorization", b"content-length", b"content-type", b"content-encoding"),
        *(b"expect", b"host", b"transfer-encoding"),
    }
)
_REQUEST_LINE: Final = re.compile(rb"[!-~]+ [^\x00- \x7f]+ HTTP/([0-9])\.([0-9])")
_HOST: Final = re.compile(rb"([\w.~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?", re.ASCII)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]+)", re.IGNORECASE)


class LimitExceeded(Refused):
    """A request over a limit; `limit` is the name of its setting."""

    def __init__(self, limit: str, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.limit = limit


def malformed(detail: str) -> Refused:
    """The refusal of what is not HTTP as it should be."""
    return Refused("malformed-request", detail)


def check_unfinished(data: bytes, at: int, settings: Settings) -> None:
    """Refuse the beginning of a head that can become no request, or none within the limits."""
    if not data[at : at + 1].isalpha():
        raise malformed("a request begins with its method")
    check_sizes(data, at, None, settings)
    line_end = data.find(b"\r\n", at)
    if line_end >= 0:
        check_request_line(data[at:line_end])


def check_sizes(data: bytes, at: int, end: int | None, settings: Settings) -> None:
    """Refuse a head over its limits; `end` is where its last header ends, None while it comes."""
    stop = len(data) if end is None else end
    line_end = data.find(b"\r\n", at, stop)
    line = data[at : stop if line_end < 0 else line_end]
    method, _, target = line.partition(b" ")
    if len(method) > METHOD_BYTES_MAX:
        raise malformed("a request begins with its method")
    check_url(target.partition(b" ")[0], settings)
    if line_end < 0:
        if len(line) > METHOD_BYTES_MAX + settings.url_bytes_max + len(b"  HTTP/1.1\r"):
            raise malformed("the request line does not end")
        return
    lines = data.count(b"\r\n", line_end + 2, stop)
    # The line end of the last header, or the first byte of the empty line that is still to come.
    size = stop + 2 - (line_end + 2) if end is not None else stop - (line_end + 2) - 1
    check_headers(lines + 1 if end is not None and line_end != end else lines, size, settings)


def check_url(url: bytes, settings: Settings) -> None:
    """Refuse a URL that is too long."""
    if len(url) > settings.url_bytes_max:
        detail = f"a URL may have {settings.url_bytes_max} bytes"
        raise LimitExceeded("url_bytes_max", "url-too-long", detail)


def check_headers(count: int, size: int, settings: Settings) -> None:
    """Refuse headers, or trailers, that are too many or too large; `size` counts line ends."""
    if count > settings.headers_max:
        detail = f"a request may have {settings.headers_max} headers"
        raise LimitExceeded("headers_max", "headers-too-large", detail)
    if size > settings.header_bytes_max:
        detail = f"the headers of a request may have {settings.header_bytes_max} bytes"
        raise LimitExceeded("header_bytes_max", "headers-too-large", detail)


def check_request_line(line: bytes) -> None:
    """Refuse a request line that is none, or of a version that is not spoken here."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise malformed("the first line is not a method, a target and HTTP/1.1")
    check_version(f"{match[1].decode()}.{match[2].decode()}")


def check_version(version: str) -> None:
    """Refuse another HTTP than 1.1 and 1.0; HTTP/2 without TLS begins with such a request."""
    if version not in ("1.1", "1.0"):
        raise Refused("http-version-not-supported", "send HTTP/1.1")


def check_repeated(headers: RequestHeaders) -> None:
    """Refuse a request that says twice what can be said once: two readers would choose two."""
    counts = Counter(name for name, _ in headers)
    for name in sorted(_SINGLE):
        if counts[name] > 1:
            raise malformed(f"the header {name.decode()} stands there {counts[name]} times")


def check_host(host: bytes | None, version: str) -> None:
    """Refuse a Host that names none; HTTP/1.0 needs none."""
    if host is None:
        if version != "1.0":
            raise malformed("HTTP/1.1 needs the header host")
    elif _HOST.fullmatch(host.strip(b" \t")) is None:
        raise malformed("the header host is not a host")


def find_target(method: str, url: bytes) -> tuple[str, bytes]:
    """The path that a URL means, decoded and without dot segments, and its query.

    Refused for what has no path: an authority, another scheme, a fragment.
    """
    if method == "CONNECT":
        raise Refused("method-not-allowed", "this server is no proxy")
    if url == b"*" and method == "OPTIONS":
        return SERVER, b""
    if not url.startswith(b"/"):
        absolute = _ABSOLUTE.match(url)
        if absolute is None or _HOST.fullmatch(absolute[1]) is None:
            raise malformed("the target is neither a path nor an http URL")
        url = url[absolute.end() :]
        url = url if url.startswith(b"/") else b"/" + url
    if b"#" in url or not url.isascii():
        raise malformed("a URL is of ASCII characters, and has no fragment here")
    raw, _, query = url.partition(b"?")
    path = unquote_to_bytes(raw).decode("utf-8", "replace") if b"%" in raw else raw.decode()
    return (_without_dots(path) if "/." in path else path), query


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4: `/v1/./taps` is `/v1/taps`."""
    segments: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del segments[-1:]
        elif part != ".":
            segments.append(part)
    if parts[-1] in (".", ".."):
        segments.append("")
    return "/" + "/".join(segments)


def find_length(headers: dict[bytes, bytes], version: str) -> int:
    """How long the body is: its bytes, 0 without one, or `CHUNKED`."""
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is not None:
        if length is not None or version == "1.0":
            raise malformed("a body has either a length or chunks, which HTTP/1.0 does not know")
        if coding.strip().lower() != b"chunked":
            raise malformed("of transfer codings only chunked is known")
        return CHUNKED
    if length is None:
        return 0
    if length.isdigit() and len(length) <= _LENGTH_DIGITS_MAX:
        return int(length)
    length = length.strip(b" \t").lstrip(b"0") or b"0"
    if not length.isdigit():
        raise malformed("the header content-length is not a number")
    return int(length[:_LENGTH_DIGITS_MAX])  # far too long already


def expects_continue(expect: bytes, version: str) -> bool:
    """Whether a client waits for `100 Continue`; Refused where it expects something else."""
    if version == "1.0":
        return False
    if expect.strip().lower() != b"100-continue":
        raise Refused("expectation-failed", "of expectations only 100-continue is known")
    return True
