"""Bugs about media and clocks: at the engine, and at gates that decide by themselves."""

from typing import Final

from api.runtime.clocks import GateClocks
from api.wire import reader
from fare_engine import ride_codes
from fare_engine.batch import Batch
from fare_engine.engine import Engine
from gates.controller import Controller
from gates.media.verifier import RideCodeVerifier
from gates.station_parameters import StationParameters
from simulator.deterministic.planted.planting import Bug


class _ForgetsCodes(Engine):
    """Keeps no record of the ride codes that were used, but in the batch that used them."""

    def commit(self, batch: Batch) -> None:
        batch.new_codes.clear()
        super().commit(batch)


def _no(*_: object) -> bool:
    return False


def _no_fault(*_: object) -> None:
    return None


def _nothing_more(*_: object) -> dict[str, int]:
    return {}


MEDIA_BUGS: Final[dict[str, Bug]] = {
    "code-replayed": Bug(
        "a copy of a ride code is as good as the code",
        Engine,
        ride_codes,
        "is_copy",
        _no,
    ),
    "code-use-forgotten": Bug("the use of a ride code is not stored", _ForgetsCodes),
    "code-forged": Bug(
        "no signature is checked", Engine, RideCodeVerifier, "_find_fault", _no_fault
    ),
    "code-stale": Bug(
        "ride codes live for ever", Engine, RideCodeVerifier, "_find_fault_of_time", _no_fault
    ),
    "code-replayed-alone": Bug(
        "a gate without the engine takes copies", Engine, Controller, "_is_replayed", _no
    ),
    "skew-ignored": Bug(
        "a clock that is wrong is not marked", Engine, GateClocks, "apply", _no_fault
    ),
    "skew-forgotten": Bug(
        "what is known of clocks is not stored", Engine, GateClocks, "list_changes", _nothing_more
    ),
    "block-ignored": Bug("the engine has no block list", Engine, reader, "_is_blocked", _no),
    "block-ignored-alone": Bug(
        "a gate without the engine has no block list", Engine, StationParameters, "is_blocked", _no
    ),
}
