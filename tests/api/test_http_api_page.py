"""docs/http-api.md: it lists every route of the contract, with the key that the route needs."""

import json
import re
from pathlib import Path

from api.http.rights import RIGHTS_OF_KIND, ROUTE_RIGHTS, Right
from fare_engine.access_key import GATE
from tests.server_process import ServerProcess

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)` \| (none|any|gate|admin) \|", re.MULTILINE)

rows = ROW.findall((DOCS / "http-api.md").read_text("utf-8"))


def test_the_page_lists_every_route_of_the_contract_once() -> None:
    contract = json.loads((DOCS / "openapi.json").read_text("utf-8"))
    routes = [
        (method.upper(), path)
        for path, operations in contract["paths"].items()
        for method in operations
    ]
    assert sorted((method, path) for method, path, _ in rows) == sorted(routes)


def list_documented() -> list[tuple[str, str, str, str]]:
    """Every row of a table of routes that names a key, in any document of the project."""
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
    return [(page.name, *row) for page in pages for row in ROW.findall(page.read_text("utf-8"))]


def test_every_table_of_routes_names_the_key_that_is_needed() -> None:
    documented = list_documented()
    assert len(documented) >= len(rows)
    for page, method, route, key in documented:
        right = ROUTE_RIGHTS[method, route]
        where = f"{page}: {method} {route}"
        assert (key == "none") == (right is Right.PUBLIC), where
        assert (key == "admin") == (right not in RIGHTS_OF_KIND[GATE] | {Right.PUBLIC}), where


def test_the_page_names_the_key_that_each_route_needs(server: ServerProcess) -> None:
    with server.client("") as without_key, server.client() as with_gate_key:
        for method, route, key in rows:
            numbered = route.replace("{version}", "1").replace("{settlement_id}", "1")
            path = re.sub(r"\{\w+\}", "NONE", numbered)
            refused = without_key.request(method, path, json={}).status_code == 401
            assert refused == (key != "none"), path
            answer = with_gate_key.request(method, path, json={})
            needs_admin = answer.status_code == 403 and "admin" in answer.json()["detail"]
            assert needs_admin == (key == "admin"), path
