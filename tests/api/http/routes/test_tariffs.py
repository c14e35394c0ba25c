"""Tariffs: read, and published as the next version."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check


def draft_of(admin: httpx2.Client) -> dict[str, Any]:
    """Tariff 1 again, to begin after the last tap."""
    rules: dict[str, Any] = admin.get("/v1/tariffs/1").json()["rules"]
    return rules | {"effective_from": "2998-01-01T00:00:00+08:00"}


def test_the_first_tariff(gates: httpx2.Client) -> None:
    tariff = gates.get("/v1/tariffs/1").json()
    assert tariff["version"] == 1
    assert tariff["rules"]["same_station_fare"] == 200
    assert tariff["rules"]["discounts_percent"] == {"tianfutong": 10}
    assert tariff["rules"]["bands"][0] == {"up_to_m": 4_000, "fare": 200}
    assert gates.get("/v1/tariffs").json()["items"][0] == tariff
    check(gates.get("/v1/tariffs/999"), 404, "not-found")
    check(gates.get("/v1/tariffs/0"), 422, "invalid-request")


def test_a_tariff_is_published_as_it_was_written(admin: httpx2.Client) -> None:
    before = len(admin.get("/v1/tariffs").json()["items"])
    draft = draft_of(admin) | {
        "same_station_fare": 250,
        "explicit_fares": [["FHY", "CXL", 450]],
        "max_stay_minutes": 150.5,
        "journey_expiry": {"minutes": 300},
        "note": "试行票价",
    }
    published = admin.post("/v1/tariffs", json=draft)
    assert published.status_code == 201, published.text
    tariff = published.json()
    assert tariff["version"] == before + 1
    assert tariff["effective_from"] == "2998-01-01T00:00:00.000+08:00"
    assert tariff["rules"] == {
        name: value for name, value in draft.items() if name != "effective_from"
    }
    assert admin.get(f"/v1/tariffs/{tariff['version']}").json() == tariff


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"same_station_fare": -1}, "same_station_fare"),
        ({"same_station_fare": 2.5}, "same_station_fare"),
        ({"same_station_fare": False}, "same_station_fare"),
        ({"bands": []}, "bands"),
        ({"bands": [{"up_to_m": 0, "fare": 200}]}, "bands"),
        ({"bands": [{"up_to_m": 9, "fare": 200}, {"up_to_m": 8, "fare": 300}]}, "bands"),
        ({"explicit_fares": [["FHY", "NOPE", 450]]}, "explicit_fares"),
        ({"discounts_percent": {"paper": 5}}, "discounts_percent"),
        ({"discounts_percent": {"qr": 101}}, "discounts_percent"),
        ({"max_stay_minutes": 10**9}, "max_stay_minutes"),
        ({"unmatched_exit": "perhaps"}, "unmatched_exit"),
        ({"service_date_cut": "25:00"}, "service_date_cut"),
        ({"time_zone": "Asia/Nowhere"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"effective_to": "2997-01-01T00:00:00+08:00"}, "effective_to"),
        ({"surcharge": 1}, "surcharge"),
    ],
)
def test_an_invalid_tariff_is_refused(
    admin: httpx2.Client, change: dict[str, object], field: str
) -> None:
    response = admin.post("/v1/tariffs", json=draft_of(admin) | change)
    assert response.status_code == 422, response.text
    members = check(response, 422, response.json()["type"].removeprefix("/problems/"))
    assert members["errors"][0]["field"].startswith(field)
