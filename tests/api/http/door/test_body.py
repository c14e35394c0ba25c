"""Bodies in pieces: however they are cut, the same body, and the same end of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from api.http.door.body import CHUNKS_AT_ONCE, BytesMax, ChunkedBody, LengthBody
from api.runtime.settings import Settings

SETTINGS = Settings()
BYTES_MAX = BytesMax(SETTINGS.body_bytes_max, "body_bytes_max")
NEXT = b"GET / HTTP/1.1\r\n"


def read(body: ChunkedBody | LengthBody, data: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    """The body, and what is behind it, when data comes in pieces."""
    rest = b""
    places = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    for begin, end in pairwise(places):
        rest += data[begin:end]
        at = 0
        while not body.is_complete:
            at = body.feed(rest, at)
            if not body.has_more:
                break
        rest = rest[at:]
    assert body.is_complete
    return bytes(body.content), rest


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 10_000)))
def test_chunks_are_one_body(chunks: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"%X;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    body = ChunkedBody(SETTINGS, BYTES_MAX)
    wire = data + b"0\r\nX: a\r\n\r\n" + NEXT
    assert read(body, wire, cuts) == (b"".join(chunks), NEXT)


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 10_000)))
def test_a_body_of_a_length_ends_there(content: bytes, cuts: list[int]) -> None:
    assert read(LengthBody(len(content)), content + NEXT, cuts) == (content, NEXT)


def test_only_so_many_chunks_are_read_at_once() -> None:
    body = ChunkedBody(SETTINGS, BYTES_MAX)
    data = b"1\r\na\r\n" * CHUNKS_AT_ONCE
    at = body.feed(data, 0)
    assert body.has_more
    assert 0 < at < len(data)
