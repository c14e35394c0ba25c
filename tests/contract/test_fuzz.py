"""The OpenAPI document against a real server: whatever is sent, an answer of the contract."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.http.openapi import DOCUMENT
from tests.server_process import ServerProcess

EXAMPLES: Final = 60
"""Requests to each of some twenty operations; all of them together take well under a minute."""

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text("utf-8")))


@schema.hook
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other station is one that there is, or nothing behind it would ever be reached."""
    station_id = (parameters or {}).get("station_id")
    if parameters and isinstance(station_id, str) and len(station_id) % 2 == 0:
        parameters["station_id"] = "FHY"
    return parameters


@schema.hook
def map_body(_context: Any, body: Any) -> Any:
    """Every other tap is one of a gate and a medium that there are, at a time that may be."""
    taps = body.get("taps", [body]) if isinstance(body, dict) else []
    for tap in taps if isinstance(taps, list) else []:
        if isinstance(tap, dict) and isinstance(tap.get("gate_id"), str):
            number = len(tap["gate_id"])
            if number % 2:
                tap["gate_id"] = "FHY-A-03"
                tap["occurred_at"] = f"2021-11-25T08:{number % 60:02}:00+08:00"
            if number % 4 == 1:
                tap["medium"] = {"type": "tianfutong", "id": f"31048705123456{number % 10}0"}
    return body


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of its own: what is sent here suspends stations and publishes tariffs."""
    process = ServerProcess(tmp_path_factory.mktemp("fuzzed") / "data")
    yield process
    process.stop()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_every_answer_is_one_of_the_contract(
    case: "schemathesis.Case[Any]", fuzzed: ServerProcess
) -> None:
    headers = {"Authorization": f"Bearer {fuzzed.admin_key}"}
    response = case.call(base_url=fuzzed.url, headers=headers)
    if response.status_code >= 400 and case.method != "HEAD":
        assert response.headers["content-type"] == ["application/problem+json"]
        members = response.json()
        assert members["type"].startswith("/problems/")
        assert members["status"] == response.status_code
        assert ("errors" in members) == (response.status_code == 422)
    case.validate_response(response, checks=CHECKS)


def test_after_all_that_the_server_is_as_good_as_new(fuzzed: ServerProcess) -> None:
    with fuzzed.client() as client:
        assert client.get("/readyz").status_code == 200
    log = fuzzed.log_path.read_text("utf-8")
    assert "request_failed" not in log
    assert "Traceback" not in log
