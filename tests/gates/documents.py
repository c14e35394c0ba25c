"""Documents of parameters, written by hand as the engine makes them."""

import json
from typing import Any

from gates.parameters import make_version

RULES: dict[str, Any] = {
    "same_station_fare": 200,
    "missing_exit_fare": 200,
    "unmatched_exit": "refuse",
    "unmatched_exit_fare": 200,
    "discounts_percent": {"tianfutong": 10},
    "max_stay_minutes": 240,
    "reentry_grace_seconds": 120,
    "reexit_grace_seconds": 60,
    "clock_skew_tolerance_seconds": 30,
    "ride_code_validity_seconds": 30,
    "journey_expiry": "service_date_end",
    "service_date_cut": "04:00",
    "time_zone": "Asia/Shanghai",
    "note": "",
}
LANE = ("FHY-A-01", "FHY-A-02", "FHY-C-01", "FHY-C-02", "FHY-E-01", "FHY-E-02")


def make_members(**changes: Any) -> dict[str, Any]:
    """The members of a document without its version. Changes of a station's fields go into FHY."""
    policy = {
        "version": 1,
        "window_seconds": 900,
        "media": ["qr", "tianfutong"],
        "designated_gates": list(LANE),
        "daily_limit": None,
        "effective_from": "2021-11-24T00:00:00.000+08:00",
        "effective_to": None,
        "note": "",
    }
    station = {
        "station_id": "FHY",
        "name": {"zh": "孵化园", "en": "Fuhuayuan"},
        "gates": [
            {"gate_id": "FHY-A-01", "exit_id": "A", "directions": ["entry"]},
            {"gate_id": "FHY-A-02", "exit_id": "A", "directions": ["exit"]},
            {"gate_id": "FHY-C-01", "exit_id": "C", "directions": ["entry"]},
            {"gate_id": "FHY-C-02", "exit_id": "C", "directions": ["exit"]},
        ],
        "policies": [policy],
        "suspensions": [],
        "degraded_modes": [],
        "highest_fares": {"1": 1_000},
        "lowest_fares": {"1": 200},
    }
    members = {
        "controller_id": "FHY-1",
        "network": {
            "network_id": "chengdu",
            "time_zone": "Asia/Shanghai",
            "currency": "CNY",
        },
        "media": [
            {
                "type": "tianfutong",
                "name": {"zh": "天府通", "en": "Tianfutong"},
                "id_pattern": "[0-9]{10,20}",
            },
            {
                "type": "qr",
                "name": {"zh": "乘车码", "en": "Ride code"},
                "id_pattern": "[A-Za-z0-9._-]{1,64}",
            },
        ],
        "stations": [station],
        "tariffs": [
            {
                "version": 1,
                "effective_from": "2020-01-01T00:00:00.000+08:00",
                "effective_to": None,
                "rules": dict(RULES),
            }
        ],
        "ride_code_issuers": [],
        "ride_code_validity_seconds": 30,
        "blocked": [],
    }
    for name, value in changes.items():
        (station if name in station else members)[name] = value
    return members


def make_document(**changes: Any) -> bytes:
    """A document with its version."""
    members = make_members(**changes)
    members["version"] = make_version(members)
    return json.dumps(members, ensure_ascii=False).encode()
