"""Rights: every route has one, and every call is checked for it, at the tap desk too."""

import asyncio
import re
from pathlib import Path

import httpx2
import pytest

from api.contract.problems import Refused
from api.http.app import create_app, list_routes, make_fastapi
from api.http.auth import authenticate
from api.http.rights import (
    RIGHTS_OF_KIND,
    ROUTE_RIGHTS,
    Right,
    check_every_route_has_a_right,
    check_right,
    needs_key,
)
from api.http.tap_desk import TAP_PATHS, Response, TapDesk
from api.runtime.settings import Settings
from api.runtime.wiring import open_runtime
from fare_engine.access_key import ADMIN, GATE, Key
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.setup import initialise
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess

TAP_ROUTES = {("POST", path) for path in TAP_PATHS}
NUMBERS = ("version", "settlement_id", "adjustment_id")


def fill(template: str) -> str:
    """An address of a route at which there is nothing, so that no call changes anything."""
    for name in NUMBERS:
        template = template.replace(f"{{{name}}}", "999999")
    return re.sub(r"\{\w+\}", "NONE", template)


@pytest.mark.parametrize("kind", [GATE, ADMIN])
@pytest.mark.parametrize(("method", "template"), sorted(ROUTE_RIGHTS))
def test_a_key_without_the_right_of_a_route_is_refused_and_no_other(
    server: ServerProcess, method: str, template: str, kind: str
) -> None:
    key = server.admin_key if kind == ADMIN else server.gate_key
    with server.client(key) as client:
        response = client.request(method, fill(template), json={})
    right = ROUTE_RIGHTS[method, template]
    if right is Right.PUBLIC or right in RIGHTS_OF_KIND[kind]:
        assert response.status_code not in (401, 403), response.text
    else:
        members = check(response, 403, "forbidden")
        assert members["detail"] == "only an admin key may do this"


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {*list_routes(make_fastapi()), *TAP_ROUTES} == set(ROUTE_RIGHTS)


def test_a_route_without_a_row_is_found() -> None:
    app = make_fastapi()
    app.add_api_route("/v1/new", lambda: None, methods=["POST"], include_in_schema=False)
    with pytest.raises(RuntimeError, match="POST /v1/new"):
        check_every_route_has_a_right(list_routes(app))


def test_a_server_with_a_route_without_a_row_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def start(route: tuple[str, str]) -> None:
        async with open_runtime(directory, Settings()) as runtime:
            with monkeypatch.context() as patch:
                patch.delitem(ROUTE_RIGHTS, route)
                create_app(runtime)
                TapDesk(runtime)

    directory = EmbeddedPlace(tmp_path / "data")
    initialise(directory, now_ms=0)
    with pytest.raises(RuntimeError, match="GET /v1/audit"):
        asyncio.run(start(("GET", "/v1/audit")))
    with pytest.raises(KeyError, match="/v1/taps/batch"):
        asyncio.run(start(("POST", "/v1/taps/batch")))


def test_a_kind_of_key_that_loses_its_rights_is_refused_at_the_tap_desk_and_behind_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = EmbeddedPlace(tmp_path / "data")
    authorization = f"Bearer {initialise(directory, now_ms=0).gate_key}"
    monkeypatch.setitem(RIGHTS_OF_KIND, GATE, frozenset())

    async def ask() -> tuple[list[Response], httpx2.Response]:
        async with open_runtime(directory, Settings()) as runtime:
            desk, answers = TapDesk(runtime), list[Response]()
            key = authenticate(runtime, authorization.encode(), None, [])
            for path in TAP_PATHS:
                desk.take(path, key, {}, b"", answers.append)
            transport = httpx2.ASGITransport(create_app(runtime))
            async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
                headers = {"Authorization": authorization}
                return answers, await client.get("/v1/stations", headers=headers)

    answers, response = asyncio.run(ask())
    check(response, 403, "forbidden")
    for status, _, body in answers:
        assert (status, body) == (403, response.content)


@pytest.mark.parametrize(
    ("kind", "right", "detail"),
    [
        (GATE, Right.MANAGE_KEYS, "only an admin key may do this"),
        ("viewer", Right.MANAGE_KEYS, "only an admin key may do this"),
        ("viewer", Right.SEND_TAPS, "only a gate or admin key may do this"),
    ],
)
def test_a_refusal_says_whose_keys_have_the_right(
    monkeypatch: pytest.MonkeyPatch, kind: str, right: Right, detail: str
) -> None:
    monkeypatch.setitem(RIGHTS_OF_KIND, "viewer", frozenset({Right.READ_TAPS}))
    key = Key("k", kind, "a key", None, 0)
    with pytest.raises(Refused, match=detail):
        check_right(key, right)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/livez", False),
        ("GET", "/nothing", False),
        ("GET", "/v1/stations", True),
        ("GET", "/v1/stations/FHY", True),
        ("GET", "/v1/nothing", True),
        ("PATCH", "/v1/taps", True),
    ],
)
def test_all_of_v1_needs_a_key_and_nothing_else_does(method: str, path: str, needed: bool) -> None:
    assert needs_key(method, path) == needed
