"""Vectors of statuses: which are final and which are passing, and the problems of the contract."""

from typing import Any

from api.contract.problems import KINDS
from simulator.gate_kit.statuses import NOT_OF_THE_ENGINE, OTHER_4XX, STATUSES, find_status


def make_statuses() -> dict[str, Any]:
    """Every status with what a client must do, and every code of a problem with its status."""
    return {
        "statuses": [row._asdict() for row in STATUSES],
        "any_other_4xx": {"standing": OTHER_4XX.standing, "client": OTHER_4XX.client},
        "a_4xx_without_a_problem_of_the_contract": {
            "except": [401, 408, 413, 429],
            "standing": NOT_OF_THE_ENGINE.standing,
            "client": NOT_OF_THE_ENGINE.client,
        },
        "problems": [
            {
                "type": f"/problems/{code}",
                "status": kind.status,
                "standing": find_status(kind.status).standing,
            }
            for code, kind in KINDS.items()
        ],
    }
