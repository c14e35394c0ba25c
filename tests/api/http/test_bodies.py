"""A body means one thing on every route: the two of taps, and all that the framework answers."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from api.http.openapi import DOCUMENT
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

AT = "2025-03-03T08:10:00.000+08:00"
BOM = b"\xef\xbb\xbf"


class Route(NamedTuple):
    """A route with a body that it takes, or refuses for its content alone."""

    path: str
    body: dict[str, Any]
    status: int


@pytest.fixture(params=["tap", "batch", "report", "media type", "suspension", "heartbeat", "gate"])
def route(request: pytest.FixtureRequest, server: ServerProcess) -> Route:
    """Each route in turn, among them both that take taps."""
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    report = {"gate_action_taken": "open", "fare_taken": 0, "cause": "none"}
    type_ = {"type": "paper", "name": {"zh": "票", "en": "t"}, "id_pattern": "[", "more": 1}
    beat = {"sent_at": AT, "outbox_taps": 0, "gates": []}
    routes = {
        "tap": Route("/v1/taps", tap, 200),
        "batch": Route("/v1/taps/batch", {"taps": [tap]}, 200),
        "report": Route("/v1/taps/no.such.tap/report", report, 404),
        "media type": Route("/v1/media-types", type_, 422),
        "suspension": Route("/v1/stations/NOWHERE/policies/suspend", {"reason": "x"}, 404),
        "heartbeat": Route("/v1/controllers/FHY-1/heartbeat", beat, 200),
        "gate": Route("/v1/gates/NOWHERE-1", {"station_id": "NOWHERE"}, 422),
    }
    return routes[request.param]


@pytest.fixture
def send(admin: httpx2.Client, route: Route) -> Any:
    """Sends bytes to the route."""

    def send_bytes(body: Any, **headers: str) -> httpx2.Response:
        method = "PUT" if route.path.startswith("/v1/gates") else "POST"
        sent = {"Content-Type": "application/json", **headers}
        return admin.request(
            method, route.path, content=body, headers={n: v for n, v in sent.items() if v}
        )

    return send_bytes


def good(route: Route) -> bytes:
    return json.dumps(route.body).encode()


def test_the_bodies_that_these_tests_begin_with_are_taken(route: Route, send: Any) -> None:
    assert send(good(route)).status_code == route.status


def test_a_byte_order_mark_is_taken(route: Route, send: Any) -> None:
    assert send(BOM + good(route)).status_code == route.status
    check(send(BOM + BOM + good(route)), 400, "malformed-json")


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ';charset="UTF-8"', " ; a=b"])
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/x+json"])
def test_a_content_type_that_says_json_is_taken(
    route: Route, send: Any, kind: str, charset: str
) -> None:
    assert send(good(route), **{"Content-Type": kind + charset}).status_code == route.status


def test_a_body_without_a_content_type_is_taken_for_json(route: Route, send: Any) -> None:
    assert send(good(route), **{"Content-Type": ""}).status_code == route.status


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/x+json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=utf-16",
        'application/json; charset="GBK"',
        "application/json;CHARSET=iso-8859-1",
    ],
)
def test_a_body_said_to_be_something_else_is_415(send: Any, content_type: str) -> None:
    check(send(b"{}", **{"Content-Type": content_type}), 415, "unsupported-media-type")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip", "x"])
def test_a_compressed_body_is_415_and_says_so(route: Route, send: Any, encoding: str) -> None:
    answer = send(gzip.compress(good(route)), **{"Content-Encoding": encoding})
    assert "Content-Encoding" in check(answer, 415, "unsupported-media-type")["detail"]


def test_a_body_that_is_said_to_be_as_it_is_is_taken(route: Route, send: Any) -> None:
    assert send(good(route), **{"Content-Encoding": "identity"}).status_code == route.status


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_another_encoding_is_400_and_says_so(route: Route, send: Any, encoding: str) -> None:
    answer = send(json.dumps(route.body).encode(encoding))
    assert "UTF-8" in check(answer, 400, "malformed-json")["detail"]


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", BOM])
def test_an_empty_body_is_400(send: Any, body: bytes) -> None:
    assert "empty" in check(send(body), 400, "malformed-json")["detail"]


def test_null_is_json_that_does_not_fit(send: Any) -> None:
    check(send(b"null"), 422, "invalid-request")


MALFORMED = {
    "NaN": b'{"x": NaN}',
    "infinity": b'{"x": -Infinity}',
    "a number of 5,000 digits": b'{"x": %b}' % (b"9" * 5_000),
    "a leading zero": b'{"x": 01}',
    "half a character": b'{"x": "\\ud800"}',
    "half a character in a key": b'{"\\ud800x": 1}',
    "the second half alone": b'{"x": "\\udc00x"}',
    "a surrogate in UTF-8": b'{"x": "\xed\xa0\x80"}',
    "an overlong character": b'{"x": "\xc0\xaf"}',
    "Latin-1": b'{"x": "\xe9"}',
    "a NUL byte": b'{"x": "\x00"}',
    "a NUL byte after the end": b"{}\x00",
    "a line end in a text": b'{"x": "a\nb"}',
    "a comment": b"{/**/}",
    "a comma too many": b'{"x": 1,}',
    "two values": b"{} {}",
    "no end": b'{"x": ',
    "single quotes": b"{'x': 1}",
    "300 deep": b'{"x": %b}' % (b"[" * 300 + b"]" * 300),
    "300 objects deep": b'{"x": ' * 300 + b"1" + b"}" * 300,
    "500,000 deep": b"[" * 500_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_is_400_on_every_route(send: Any, body: bytes) -> None:
    check(send(body), 400, "malformed-json")


ODD = {
    "a number too large": b'{"x": 1e400}',
    "a number of 4,000 digits": b'{"x": %b}' % (b"9" * 4_000),
    "a huge negative exponent": b'{"x": 1e-999999999}',
    "a NUL character": b'{"x": "\\u0000", "\\u0000": 1}',
    "a key that is empty": b'{"": 1}',
    "100 deep": b'{"x": %b}' % (b"[" * 100 + b"]" * 100),
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1e400",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_json_that_does_not_fit_is_422_on_every_route(send: Any, body: bytes) -> None:
    check(send(body), 422, "invalid-request")


def repeated(body: Any, place: str = "") -> Iterator[tuple[str, bytes]]:
    """The JSON of a value with one of its keys twice, at each place in turn."""
    if isinstance(body, list):
        for index, inner in enumerate(body):
            for where, text in repeated(inner, f"{place}{index}."):
                before = [json.dumps(one).encode() for one in body[:index]]
                after = [json.dumps(one).encode() for one in body[index + 1 :]]
                yield where, b"[%b]" % b",".join([*before, text, *after])
    if not isinstance(body, dict):
        return
    pairs = {key: b"%b: %b" % (dump(key), dump(value)) for key, value in body.items()}
    for key, value in body.items():
        escaped = b'"\\u%04x%b": %b' % (ord(key[0]), key[1:].encode(), dump(value))
        for twice in (pairs[key], b"%b: null" % dump(key), escaped):
            yield f"{place}{key}", b"{%b, %b}" % (b", ".join(pairs.values()), twice)
            yield f"{place}{key}", b"{%b, %b}" % (twice, b", ".join(pairs.values()))
        for where, text in repeated(value, f"{place}{key}."):
            others = [pair for name, pair in pairs.items() if name != key]
            yield where, b"{%b}" % b", ".join([*others, b"%b: %b" % (dump(key), text)])


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_key_that_stands_twice_is_400_wherever_it_stands(route: Route, send: Any) -> None:
    for place, body in repeated(route.body):
        answer = send(body)
        if route.path.endswith("/batch") and place.startswith("taps.0."):
            (result,) = answer.json()["results"]
            members, where = result["problem"], place.removeprefix("taps.0.")
        else:
            members, where = check(answer, 400, "malformed-json"), place
        assert members["type"] == "/problems/malformed-json", body
        assert members["detail"] == f"the key {where} stands more than once"


def test_what_stands_twice_is_named_by_its_place_and_never_by_what_it_holds(send: Any) -> None:
    card = new_card()
    for body in (
        f'{{"{card}": 1, "{card}": 2}}',
        f'{{"x": [{{"id": "{card}", "id": "{card}"}}]}}',
        f'{{"{card}": {{"id": 1, "id": 2}}}}',
    ):
        detail = check(send(body.encode()), 400, "malformed-json")["detail"]
        assert card not in detail
        assert "stands more than once" in detail


def test_many_repeated_keys_take_linear_time_and_one_answer(send: Any) -> None:
    wide = b'{"x": %b[%b]%b}' % (b"[" * 190, b",".join([b'{"a":1,"a":1}'] * 50_000), b"]" * 190)
    assert len(check(send(wide), 400, "malformed-json")["detail"]) < 1_000


def test_an_object_has_so_many_members_at_most(route: Route, send: Any) -> None:
    for members, size in ((1_000, "at most"), (1_001, "more"), (75_000, "more")):
        wide = {f"k{number}": 1 for number in range(members)}
        for body in (wide, {"x": [wide]}):
            found = check(send(json.dumps(body).encode()), 422, "invalid-request")
            is_reported = "1000 members" in found["detail"]
            assert is_reported == (size == "more" and not route.path.endswith("/batch"))
            assert len(found["errors"]) <= 50


def test_a_batch_with_a_wide_tap_refuses_that_tap_alone(gates: httpx2.Client) -> None:
    wide = {"tap_id": "wide.1"} | {f"k{number}": 1 for number in range(50_000)}
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    first, second = gates.post("/v1/taps/batch", json={"taps": [wide, tap]}).json()["results"]
    assert (first["tap_id"], first["problem"]["status"]) == ("wide.1", 422)
    assert "1000 members" in first["problem"]["detail"]
    assert second["outcome"] == "entered"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Content-Encoding", ["gzip", "identity"]),
        ("Content-Type", ["application/json", "text/plain"]),
    ],
)
def test_a_header_that_stands_twice_is_refused_in_either_order(
    admin: httpx2.Client, route: Route, name: str, values: list[str]
) -> None:
    method = "PUT" if route.path.startswith("/v1/gates") else "POST"
    for ordered in (values, values[::-1]):
        headers = [(name, value) for value in ordered]
        answer = admin.request(method, route.path, content=good(route), headers=headers)
        assert answer.status_code in (400, 415)
        assert answer.json()["type"].startswith("/problems/")


def test_in_a_batch_a_key_that_stands_twice_is_the_fault_of_its_tap_alone(
    gates: httpx2.Client,
) -> None:
    taps = [make_tap("FHY-A-01", "entry", new_card(), AT) for _ in range(4)]
    texts = [json.dumps(tap) for tap in taps]
    texts[1] = texts[1].replace('"id":', '"id": "3104870512345678", "id":')
    texts[2] = texts[2].replace('"tap_id":', '"tap_id": "other", "tap_id":')
    body = f'{{"taps": [{", ".join(texts)}]}}'.encode()
    results = gates.post("/v1/taps/batch", content=body).json()["results"]
    assert [result["tap_id"] for result in results] == [
        taps[0]["tap_id"],
        taps[1]["tap_id"],
        None,  # which of the two it is, nobody can say
        taps[3]["tap_id"],
    ]
    assert [results[place]["outcome"] for place in (0, 3)] == ["entered", "entered"]
    assert results[1]["problem"]["status"] == results[2]["problem"]["status"] == 400
    assert results[1]["problem"]["detail"] == "the key medium.id stands more than once"


def test_a_tap_with_escapes_is_the_same_tap(gates: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    first = gates.post("/v1/taps", json=tap)
    assert first.status_code == 200
    escaped = re.sub(
        r'"([a-z])', lambda found: f'"\\u{ord(found[1]):04X}', json.dumps(tap, indent=1)
    )
    again = gates.post("/v1/taps", content=BOM + escaped.encode())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    batch = gates.post("/v1/taps/batch", content=f'{{"t\\u0061ps": [{escaped}]}}'.encode())
    assert batch.json()["results"] == [first.json()]


@pytest.mark.parametrize("offline", [None, {"gate_action_taken": "open", "fare_taken": 0}])
def test_optional_fields_may_be_null(gates: httpx2.Client, offline: Any) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    tap |= {"offline": offline, "medium": tap["medium"] | {"code_id": None}}
    assert gates.post("/v1/taps", json=tap).json()["outcome"] == "entered"
    batch = gates.post("/v1/taps/batch", json={"taps": [tap, tap]}).json()["results"]
    assert [result["outcome"] for result in batch] == ["entered", "entered"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("body", [b"{", b"\xff", b"x" * 200_000, b'{"a": 1, "a": 2}'])
def test_a_body_where_none_has_a_meaning_changes_nothing(
    admin: httpx2.Client, method: str, body: bytes
) -> None:
    path = "/v1/keys/nobody" if method == "DELETE" else "/v1/stations/FHY"
    without = admin.request(method, path)
    with_body = admin.request(method, path, content=body)
    assert with_body.status_code == without.status_code
    assert with_body.content == without.content
    assert admin.get("/livez").status_code == 200, "on the same connection"


def test_every_route_that_takes_a_body_refuses_one_that_is_none_and_one_with_two_meanings(
    admin: httpx2.Client,
) -> None:
    document = json.loads(DOCUMENT.read_text("utf-8"))
    for path, operations in document["paths"].items():
        address = re.sub(r"\{[a-z_]+\}", "1", path)
        for method in operations.keys() & {"post", "put", "patch"}:
            for body in (b"", b"{", b'{"a": 1, "\\u0061": 1}', b'[{"b": {"a": 1, "a": 1}}]'):
                answer = admin.request(method.upper(), address, content=body)
                check(answer, 400, "malformed-json")
