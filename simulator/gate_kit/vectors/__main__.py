"""`python -m simulator.gate_kit.vectors` writes docs/vectors anew from the code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from simulator.gate_kit.vectors.ride_codes import make_ride_codes
from simulator.gate_kit.vectors.statuses import make_statuses
from simulator.gate_kit.vectors.taps import make_taps
from simulator.gate_kit.vectors.texts import make_tap_ids, make_times, make_tokens

FOLDER: Final = Path(__file__).parents[3] / "docs" / "vectors"

VECTORS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "ride_codes": make_ride_codes,
    "statuses": make_statuses,
    "tap_ids": make_tap_ids,
    "taps": make_taps,
    "times": make_times,
    "tokens": make_tokens,
}


def render(name: str) -> str:
    """A file of vectors as it is committed."""
    return json.dumps(VECTORS[name](), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in VECTORS:
        (FOLDER / f"{name}.json").write_text(render(name), "utf-8")
