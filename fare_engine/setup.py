"""The first set-up: a data directory with a network, its first tariff, its pilot and two keys."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fare_engine.access_key import ADMIN, GATE
from fare_engine.calendar import ServiceCalendar, to_ms
from fare_engine.catalogue import Catalogue
from fare_engine.documents import list_directions, rules_document
from fare_engine.errors import CatalogueInvalid
from fare_engine.field_reader import FieldReader
from fare_engine.ledger.database import migrate, writing
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.stores import keys as key_store
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    store_network,
)
from fare_engine.ledger.stores.tariff_document import from_document
from fare_engine.ledger.stores.token_key import store_fingerprint
from fare_engine.network import CHENGDU_BANDS, Direction, FareTable, Network
from fare_engine.network_file import (
    TIANFUTONG,
    NetworkFile,
    list_builtins,
    read_builtin,
    read_network,
)
from fare_engine.tariff import Tariff
from fare_engine.validation import check_network, validate

ACTOR = "fare-engine init"
LINE_1_OPENED_MS = to_ms(datetime.fromisoformat("2010-09-27T00:00:00+08:00"))
"""Chengdu's line 1 opens: no tap of the network is older."""

TIANFUTONG_DISCOUNT_PERCENT = 10


@dataclass(frozen=True, slots=True)
class SetUpGate:
    """A gate as `init` prints it: what it does, and whether the pilot designates it."""

    gate_id: str
    directions: tuple[str, ...]
    designated: bool


@dataclass(frozen=True, slots=True)
class SetUpStation:
    """A station that the printed gate key speaks for, with its gates."""

    station_id: str
    gates: tuple[SetUpGate, ...]

    def document(self) -> dict[str, Any]:
        """As `init --json` prints it."""
        return {
            "station_id": self.station_id,
            "gates": [
                {
                    "gate_id": gate.gate_id,
                    "directions": list(gate.directions),
                    "designated": gate.designated,
                }
                for gate in self.gates
            ],
        }


@dataclass(frozen=True, slots=True)
class InitialSetup:
    """What `init` made. The keys are shown once, here."""

    network_id: str
    gate_key: str
    admin_key: str
    pilot: SetUpStation | None
    other_station: SetUpStation | None

    def __repr__(self) -> str:
        return f"InitialSetup(network_id={self.network_id!r})"

    def document(self) -> dict[str, Any]:
        """As `init --json` prints it."""
        return {
            "network_id": self.network_id,
            "gate_key": self.gate_key,
            "admin_key": self.admin_key,
            "pilot": self.pilot.document() if self.pilot else None,
            "other_station": self.other_station.document() if self.other_station else None,
        }


def initialise(place: LedgerPlace, *, now_ms: int, network: str | Path = "chengdu") -> InitialSetup:
    """Make a ledger and its place for a network: one that comes with the engine, or a file.

    Either all of it is there afterwards, or the place is as it was.
    """
    file = _read(network)
    check_network(file.network)
    _check_other_station(file)
    with place.create_ledger() as database:
        migrate(database)
        with writing(database) as connection:
            store_network(connection, file.network, ACTOR, now_ms)
            catalogue = load_catalogue(connection)
            tariff = make_first_tariff(file)
            catalogue = publish_tariff(connection, catalogue, tariff, ACTOR, now_ms)
            if file.pilot is not None:
                catalogue = publish_policy(connection, catalogue, file.pilot, ACTOR, now_ms)
            validate(catalogue)
            store_fingerprint(connection, place.read_token_key())
            _, gate_key = key_store.create_key(
                connection, GATE, "init", _spoken_for(file), now_ms, ACTOR
            )
            _, admin_key = key_store.create_key(connection, ADMIN, "init", None, now_ms, ACTOR)
    return InitialSetup(
        network_id=file.network.network_id,
        gate_key=gate_key,
        admin_key=admin_key,
        pilot=_describe_station(catalogue, file.pilot.station_id) if file.pilot else None,
        other_station=(
            _describe_station(catalogue, file.other_station) if file.other_station else None
        ),
    )


def make_first_tariff(file: NetworkFile) -> Tariff:
    """Tariff 1, in force from before the pilot: Chengdu's fares, but for what the file says."""
    tariff = _make_default_tariff(file)
    if file.tariff is None:
        return tariff
    changes = dict(file.tariff)
    faults: list[tuple[str, str]] = []
    dates = FieldReader(changes, "tariff.", faults)
    from_ms = dates.find_moment_ms("effective_from")
    to_ms = dates.find_moment_ms("effective_to")
    if faults:
        raise CatalogueInvalid(faults)
    rules = rules_document(tariff)
    if not file.network.segments:  # distances that are not there price nothing
        rules |= {"bands": [], "further": None}
    rules |= {name: changes[name] for name in changes if not name.startswith("effective_")}
    return from_document(
        rules,
        version=1,
        effective_from_ms=tariff.effective_from_ms if from_ms is None else from_ms,
        effective_to_ms=to_ms,
        distances={},
    )


def _make_default_tariff(file: NetworkFile) -> Tariff:
    starts_ms = [LINE_1_OPENED_MS]
    if file.pilot is not None:
        starts_ms.append(file.pilot.effective_from_ms)
    codes = {medium.code for medium in file.network.media}
    discounts = {TIANFUTONG.code: TIANFUTONG_DISCOUNT_PERCENT}
    return Tariff(
        version=1,
        effective_from_ms=min(starts_ms),
        fares=FareTable({}, CHENGDU_BANDS),
        discounts_percent={code: off for code, off in discounts.items() if code in codes},
        calendar=ServiceCalendar(file.network.time_zone),
        note="成都地铁票价 / Chengdu Metro fares",
    )


def _read(network: str | Path) -> NetworkFile:
    if isinstance(network, str) and network in list_builtins():
        return read_builtin(network)
    return read_network(Path(network))


def _directions(network: Network, station_id: str) -> set[Direction]:
    gates = (gate for gate in network.gates if gate.station_id == station_id)
    return {direction for gate in gates for direction in gate.directions}


def _check_other_station(file: NetworkFile) -> None:
    """The other station is there to compare with, so both must be able to take a journey."""
    if file.pilot is None or file.other_station is None:
        return
    field, station_id = "pilot.other_station", file.other_station
    if station_id == file.pilot.station_id:
        raise CatalogueInvalid([(field, "must be another station than the pilot's")])
    if _directions(file.network, station_id) != set(Direction):
        raise CatalogueInvalid(
            [(field, f"must have entry and exit gates, which {station_id!r} has not")]
        )


def _spoken_for(file: NetworkFile) -> set[str]:
    stations = {file.pilot.station_id} if file.pilot else set()
    if file.other_station:
        stations.add(file.other_station)
    return stations or {gate.station_id for gate in file.network.gates}


def _describe_station(catalogue: Catalogue, station_id: str) -> SetUpStation:
    policies = catalogue.list_policies(station_id)
    designated = policies[-1].designated_gates if policies else frozenset()
    return SetUpStation(
        station_id,
        tuple(
            SetUpGate(
                gate.gate_id,
                tuple(list_directions(gate)),
                gate.gate_id in designated,
            )
            for gate in catalogue.network.gates
            if gate.station_id == station_id
        ),
    )
