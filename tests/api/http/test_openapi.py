"""The OpenAPI document: committed, generated from the code, and complete."""

import json
from typing import Any

import httpx2
import pytest

from api.http.app import make_fastapi
from api.http.openapi import DOCUMENT, render
from tests.server_process import ServerProcess

DOCUMENTED: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))


def test_the_committed_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text("utf-8") == render(make_fastapi()), "run: python -m api.http.openapi"


def test_the_server_sends_the_committed_document(server: ServerProcess) -> None:
    with server.client("") as client:
        assert client.get("/openapi.json").json() == DOCUMENTED


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch"])
def test_the_bare_routes_are_documented_and_answer(gates: httpx2.Client, path: str) -> None:
    operation = DOCUMENTED["paths"][path]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert gates.post(path, json={}).status_code == 422


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENTED["components"]["schemas"]

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                assert reference.rpartition("/")[2] in schemas, reference
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(DOCUMENTED)


def test_every_route_documents_its_errors_and_its_key() -> None:
    for path, operations in DOCUMENTED["paths"].items():
        for operation in operations.values():
            for status in ("4XX", "5XX"):
                assert "application/problem+json" in operation["responses"][status]["content"]
            assert ("security" in operation) == path.startswith("/v1/")
