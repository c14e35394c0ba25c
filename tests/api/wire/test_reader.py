"""The fast reader, and the models of the contract over strict JSON, agree about all bytes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.contract.problems import Refused
from api.contract.taps import BatchRequest, MediumByCode, MediumById, MediumByToken, TapRequest
from api.wire.reader import TapReader
from api.wire.ride_codes import RideCodeReader
from api.wire.strict_json import read_grammar, read_json
from fare_engine.batch import CodeId
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import MediumIdInvalid, UnknownMedium
from fare_engine.network import Direction
from fare_engine.published import Published
from gates.media import TokenMaker
from tests.fare_engine.small_metro import NETWORK, TARIFF
from tests.gates.media.codes import KEYS, METRO, NOON_MS

CATALOGUE = Catalogue(NETWORK, tariffs=(TARIFF,), issuer_keys=KEYS)
MAKER = TokenMaker(b"k" * 32)
PUBLISHED = Published(1, CATALOGUE)
READER = TapReader(MAKER.token, RideCodeReader(MAKER.token, CATALOGUE).read)
CODE = METRO.issue("anna", NOON_MS, one_time_id=b"12345678")
CODE_ID = "619db8c0.metro.3132333435363738"

GOOD: dict[str, Any] = {
    "tap_id": "FHY-A-01.20211124.000173",
    "gate_id": "FHY-A-01",
    "direction": "entry",
    "medium": {"type": "tianfutong", "id": "3104870512345678"},
    "occurred_at": "2021-11-24T08:15:30.120+08:00",
}

_odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, -1, 5.0, 1e400, "", " ", "x", "é", "\ud800", "a\n", [], {}, [1]]
)
_texts = st.one_of(_odd, st.text(max_size=70))
_ids = st.one_of(
    _texts, st.from_regex(r"[A-Za-z0-9._:\-]{1,65}", fullmatch=True), st.just("FHY-A-01")
)
_times = st.one_of(
    _texts,
    st.just("2021-11-24T08:15:30.120+08:00"),
    st.from_regex(
        r"20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,4})?"
        r"(Z|z|[+-][0-2][0-9]:[0-6][0-9])?",
        fullmatch=True,
    ),
)
_media = st.one_of(
    _odd,
    st.just(GOOD["medium"]),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(_texts, st.sampled_from(["tianfutong", "qr", "unheard-of"])),
            "id": st.one_of(_texts, st.just("3104870512345678")),
            "token": st.one_of(
                _texts, st.from_regex(r"[0-9a-fA-F ]{30,34}", fullmatch=True), st.just("0a" * 16)
            ),
            "code": st.one_of(_texts, st.just(CODE)),
            "code_id": st.one_of(_ids, st.just(CODE_ID)),
            "other": _odd,
        },
    ),
)
_reports = st.one_of(
    _odd,
    st.fixed_dictionaries(
        {},
        optional={
            "gate_action_taken": st.one_of(_texts, st.sampled_from(["open", "refuse"])),
            "fare_taken": st.one_of(_odd, st.integers(-2, 1_000_001)),
            "other": _odd,
        },
    ),
)
_changes = st.fixed_dictionaries(
    {},
    optional={
        "tap_id": _ids,
        "gate_id": _ids,
        "direction": st.one_of(_texts, st.sampled_from(["entry", "exit", "ENTRY"])),
        "medium": _media,
        "occurred_at": _times,
        "offline": _reports,
        "other": _odd,
    },
)


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def _read_by_model(body: bytes) -> TapRequest | str:
    """What all other routes make of a body: a request, or the code of its problem."""
    try:
        return TapRequest.model_validate_json(read_json(body))
    except Refused as refused:
        return refused.code
    except ValidationError:
        return "invalid-request"


def _model_accepts(body: bytes) -> TapRequest | None:
    model = _read_by_model(body)
    return model if isinstance(model, TapRequest) else None


def _assert_same(body: bytes) -> None:
    model = _read_by_model(body)
    if isinstance(model, str):
        with pytest.raises(Refused) as refused:
            READER.read_tap(body, PUBLISHED)
        assert refused.value.code == model
        assert model == "malformed-json" or refused.value.errors
        return
    tap, _ = READER.read_tap(body, PUBLISHED)
    assert (tap.tap_id, tap.gate_id) == (model.tap_id, model.gate_id)
    assert Direction(tap.direction).name.lower() == model.direction
    assert tap.occurred_at_ms == model.occurred_at
    assert tap.token == _token_of(model)
    if model.offline is None:
        assert tap.report is None
    else:
        assert tap.report is not None
        assert tap.report.gate_opened == (model.offline.gate_action_taken == "open")
        assert tap.report.fare_taken == model.offline.fare_taken


def _is_json(body: bytes) -> bool:
    """Whether a body is JSON: then a batch is refused tap by tap."""
    try:
        read_grammar(body)
    except Refused:
        return False
    return True


def _token_of(model: TapRequest) -> bytes:
    medium = model.medium
    if isinstance(medium, MediumById):
        return MAKER.token(medium.type, medium.id)
    if isinstance(medium, MediumByToken):
        return bytes.fromhex(medium.token)
    assert isinstance(medium, MediumByCode)
    if medium.code == CODE:
        return MAKER.token("qr", "anna")
    return MAKER.token("qr code", medium.code)


@settings(max_examples=750, deadline=None)
@given(_changes, st.sets(st.sampled_from(sorted(GOOD)), max_size=1))
def test_reader_and_models_accept_and_refuse_the_same_taps(
    changes: dict[str, Any], missing: set[str]
) -> None:
    _assert_same(_bytes({k: v for k, v in (GOOD | changes).items() if k not in missing}))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(_bytes(GOOD)) - 1), st.binary(max_size=3))
def test_reader_and_models_agree_on_damaged_bytes(place: int, instead: bytes) -> None:
    body = _bytes(GOOD)
    _assert_same(body[:place] + instead + body[place + 1 :])


_pieces = st.sampled_from(
    [
        *(b'"tap_id":"x",', b'"gate_id":null,', b'"t\\u0061p_id":1,', b'"medium":{},', b'"x":1,'),
        *(b'"type":"qr",', b'"id":"1","id":"2",', b'"code_id":null,', b'"offline":null,'),
        *(b'"offline":{"fare_taken":0,"fare_taken":0},', b'"code_id":"a","code_id":null,'),
        *(b'"x":NaN,', b'"x":1e999,', b'"x":"\\ud800",', b'"":0,', b" ", b"\n", b"\xef\xbb\xbf"),
        *(b'"x":"\\"",', b'"medium":{"type":"qr","id":"1"},', b'"direction":"\\u0065ntry",'),
        *(b"[" * 150 + b"]" * 150 + b",", b'"x":' + b"[" * 250 + b"]" * 250 + b",", b"\x00"),
    ]
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), _pieces), max_size=4), st.booleans())
def test_reader_and_models_agree_on_taps_with_something_put_in(
    put_in: list[tuple[int, bytes]], offline: bool
) -> None:
    report = {"offline": {"gate_action_taken": "open", "fare_taken": 0}} if offline else {}
    medium = {"medium": {"type": "qr", "id": "anna", "code_id": CODE_ID}} if offline else {}
    body = _bytes(GOOD | report | medium)
    starts = [place + 1 for place, byte in enumerate(body) if byte in b"{,"]  # before a key
    for at, piece in put_in:
        place = 0 if at == 0 else starts[at % len(starts)]
        body = body[:place] + piece + body[place:]
    _assert_same(body)
    if any(at == 0 for at, _ in put_in):
        return  # in a batch it would be another tap
    batch = b'{"taps":[' + body + b"," + _bytes(GOOD) + b"]}"
    if not _is_json(batch):
        with pytest.raises(Refused, match="JSON"):
            READER.read_batch(batch, PUBLISHED)
        assert _model_accepts(body) is None
        return
    read = READER.read_batch(batch, PUBLISHED)
    model = _read_by_model(body)
    assert (0 in read.bad) == isinstance(model, str)
    if 0 in read.bad:
        assert read.bad[0][1].code == model
    assert len(read.taps) == 2 - len(read.bad)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    _assert_same(body)


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"medium":' * 50_000])
def test_bottomless_json_is_refused(deep: bytes) -> None:
    with pytest.raises(Refused):
        READER.read_tap(deep, PUBLISHED)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.just({}), _changes), max_size=6))
def test_a_batch_tells_each_tap_what_the_tap_alone_is_told(many: list[dict[str, Any]]) -> None:
    taps = [GOOD | changes for changes in many]
    body = _bytes({"taps": taps})
    if not taps or not _is_json(body):
        with pytest.raises(Refused):
            READER.read_batch(body, PUBLISHED)
        return
    read = READER.read_batch(body, PUBLISHED)
    good = iter(read.taps)
    for place, tap in enumerate(taps):
        model = _model_accepts(_bytes(tap))
        assert (model is None) == (place in read.bad)
        if model is not None:
            assert next(good) == READER.read_tap(_bytes(tap), PUBLISHED)[0]
    assert next(good, None) is None


@pytest.mark.parametrize(
    "text",
    ["", "0a" * 15, "0a" * 17, " " + "0a" * 15 + " ", "0a" * 15 + "  ", "0g" * 16, "é" * 32],
)
def test_of_the_tokens_of_a_batch_the_one_that_does_not_fit_is_found_out_alone(text: str) -> None:
    tokens = ["0a" * 16, text, "0B" * 16]
    taps = [GOOD | {"medium": {"type": "tianfutong", "token": token}} for token in tokens]
    read = READER.read_batch(_bytes({"taps": taps}), PUBLISHED)
    assert list(read.bad) == [1]
    assert [tap.token for tap in read.taps] == [b"\x0a" * 16, b"\x0b" * 16]


@pytest.mark.parametrize(
    "body",
    [
        {"taps": [GOOD] * 1_001},
        {"taps": []},
        {"taps": None},
        {"taps": GOOD},
        {},
        [],
        {"taps": [GOOD], "more": 1},
    ],
    ids=["too many", "none", "null", "no list", "nothing", "list", "unknown field"],
)
def test_a_batch_of_the_wrong_shape_is_refused_whole(body: object) -> None:
    with pytest.raises(ValidationError):
        BatchRequest.model_validate_json(_bytes(body))
    with pytest.raises(Refused):
        READER.read_batch(_bytes(body), PUBLISHED)


def test_a_medium_that_does_not_fit_is_found_out_without_saying_its_number() -> None:
    _, finding = READER.read_tap(
        _bytes(GOOD | {"medium": {"type": "tianfutong", "id": "123"}}), PUBLISHED
    )
    assert isinstance(finding, MediumIdInvalid)
    assert "123" not in str(finding)
    _, finding = READER.read_tap(
        _bytes(GOOD | {"medium": {"type": "octopus", "id": "123"}}), PUBLISHED
    )
    assert isinstance(finding, UnknownMedium)


def test_a_ride_code_becomes_the_token_of_its_account_with_the_codes_id() -> None:
    by_code = {"medium": {"type": "qr", "code": CODE}, "occurred_at": "2021-11-24T12:00:09+08:00"}
    by_id = by_code | {"medium": {"type": "qr", "id": "anna", "code_id": CODE_ID}}
    read = [READER.read_tap(_bytes(GOOD | form), PUBLISHED) for form in (by_code, by_id)]
    assert read[0] == read[1], "whether the gate verified the code or the engine did"
    assert read[0][0].token == MAKER.token("qr", "anna")
    assert read[0][1] == CODE_ID
    assert isinstance(read[0][1], CodeId)


@pytest.mark.parametrize(
    "medium",
    [
        {"type": "qr", "id": "anna"},
        {"type": "qr", "token": "0a" * 16},
    ],
)
def test_the_id_of_a_verified_code_may_stand_beside_id_and_token(medium: dict[str, Any]) -> None:
    for code_id, found in ((CODE_ID, CodeId(CODE_ID)), (None, None)):
        tap = GOOD | {"medium": medium | {"code_id": code_id}}
        assert READER.read_tap(_bytes(tap), PUBLISHED)[1] == found


def test_what_is_wrong_with_an_id_is_told_before_its_code() -> None:
    tap = GOOD | {"medium": {"type": "qr", "id": "AN NA", "code_id": CODE_ID}}
    assert isinstance(READER.read_tap(_bytes(tap), PUBLISHED)[1], MediumIdInvalid)


def test_a_code_that_is_not_good_is_refused() -> None:
    for code, at, reason in (
        ("whatever", "12:00:00", Reason.RIDE_CODE_INVALID),
        (CODE, "12:01:00.001", Reason.RIDE_CODE_EXPIRED),
    ):
        tap = GOOD | {"medium": {"type": "qr", "code": code}}
        tap |= {"occurred_at": f"2021-11-24T{at}+08:00"}
        assert READER.read_tap(_bytes(tap), PUBLISHED)[1] is reason


def test_what_is_wrong_with_a_tap_is_told_field_by_field() -> None:
    body = _bytes(GOOD | {"direction": "up", "medium": {"type": "tianfutong", "id": 5}, "x": 1})
    with pytest.raises(Refused) as refused:
        READER.read_tap(body, PUBLISHED)
    assert {field for field, _ in refused.value.errors} == {"direction", "medium.id", "x"}
