"""What is published, in the documents of the contract: all that an auditor may know."""

from collections.abc import Mapping
from typing import Any

from api.contract.times import format_ms
from fare_engine.catalogue import Catalogue
from simulator.publications import describe_block, describe_changing, describe_lasting


class Describer:
    """Describes what is published, each time that something of it has changed.

    What no scenario changes is described once: gates, media and tariffs.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._zone = catalogue.network.time_zone
        self._lasting = describe_lasting(catalogue)

    def describe(
        self,
        catalogue: Catalogue,
        blocked: Mapping[bytes, int],
        skews: Mapping[str, tuple[int, int]],
    ) -> dict[str, Any]:
        """Everything that decides taps; of each blocked token, since when it is.

        `skews` are what controllers reported of their gates' clocks, each with when.
        """
        zone = self._zone
        changing = describe_changing(catalogue)
        return (
            self._lasting
            | changing
            | {
                "blocked": [
                    describe_block(token.hex(), since_ms, zone)
                    for token, since_ms in blocked.items()
                ],
                "clock_skews": [
                    {
                        "gate_id": gate_id,
                        "clock_skew_ms": skew_ms,
                        "measured_at": format_ms(measured_at_ms, zone),
                    }
                    for gate_id, (skew_ms, measured_at_ms) in skews.items()
                ],
            }
        )
