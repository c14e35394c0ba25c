"""What a network may not be."""

from dataclasses import replace
from typing import Any

import pytest

from fare_engine.errors import CatalogueInvalid
from fare_engine.network import Exit, Gate, Line, MediumType, Name, Network, Segment, Station
from fare_engine.network_file import read_builtin
from fare_engine.validation import check_network
from tests.fare_engine.small_metro import NETWORK

NAME = Name("名", "Name")
GOOD = replace(NETWORK, exits=(Exit("FHY", "A", NAME), Exit("CXL", "B", NAME)))
BOTH = GOOD.gates[2].directions


def _faults(network: Network) -> dict[str, str]:
    with pytest.raises(CatalogueInvalid) as refusal:
        check_network(network)
    return dict(refusal.value.faults)


def test_a_good_network_passes() -> None:
    check_network(GOOD)
    check_network(read_builtin("chengdu").network)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        pytest.param(
            {"network_id": "成都"},
            "network_id",
            "must be short ASCII",
            id="the id of the network is not ASCII",
        ),
        pytest.param(
            {"time_zone": "Asia/Chengdu"},
            "time_zone",
            "there is no time zone 'Asia/Chengdu'",
            id="the time zone is unknown",
        ),
        pytest.param(
            {"time_zone": "../../etc/passwd"},
            "time_zone",
            "there is no time zone",
            id="the time zone is a path",
        ),
        pytest.param(
            {"currency": "yuan"},
            "currency",
            "must be a code of three capital letters",
            id="the currency is no code",
        ),
        pytest.param({"stations": ()}, "stations", "at least one", id="there is no station"),
        pytest.param({"media": ()}, "media", "at least one", id="there is no medium"),
        pytest.param(
            {"name": Name("", "Small")},
            "name.zh",
            "must have 1 to 64 characters",
            id="a name is empty",
        ),
    ],
)
def test_of_the_network_itself(changes: dict[str, Any], field: str, message: str) -> None:
    assert message in _faults(replace(GOOD, **changes))[field]


@pytest.mark.parametrize(
    ("part", "entry", "field", "message"),
    [
        pytest.param(
            "lines", Line("1", NAME), "lines.1", "is there twice", id="a line is there twice"
        ),
        pytest.param(
            "lines",
            Line("一", NAME),
            "lines.一.line_id",
            "must be short ASCII",
            id="the id of a line is not ASCII",
        ),
        pytest.param(
            "lines",
            Line("2", NAME, "red"),
            "lines.2.colour",
            "must be a colour as #263D96",
            id="the colour of a line is none",
        ),
        pytest.param(
            "stations",
            Station("FHY", NAME),
            "stations.FHY",
            "is there twice",
            id="a station is there twice",
        ),
        pytest.param(
            "stations",
            Station("A B", NAME),
            "stations.A B.station_id",
            "must be short ASCII",
            id="the id of a station has a blank",
        ),
        pytest.param(
            "stations",
            Station("S" * 17, NAME),
            f"stations.{'S' * 17}.station_id",
            "must be short ASCII",
            id="the id of a station is too long",
        ),
        pytest.param(
            "stations",
            Station("S", Name("名", "n" * 65)),
            "stations.S.name.en",
            "must have 1 to 64 characters",
            id="the name of a station is too long",
        ),
        pytest.param(
            "stations",
            Station("S", NAME, 91.0, 0.0),
            "stations.S.latitude",
            "between -90 and 90",
            id="a station lies beyond the pole",
        ),
        pytest.param(
            "stations",
            Station("S", NAME, 0.0, float("nan")),
            "stations.S.longitude",
            "between -180 and 180",
            id="the longitude of a station is no number",
        ),
        pytest.param(
            "segments",
            Segment("9", "FHY", "CXL", 5),
            "segments[2].line_id",
            "there is no line '9'",
            id="a segment is on an unknown line",
        ),
        pytest.param(
            "segments",
            Segment("1", "FHY", "XXX", 5),
            "segments[2].station_id",
            "there is no station 'XXX'",
            id="a segment ends at an unknown station",
        ),
        pytest.param(
            "segments",
            Segment("1", "FHY", "FHY", 5),
            "segments[2]",
            "joins station 'FHY' to itself",
            id="a segment leads nowhere",
        ),
        pytest.param(
            "segments",
            Segment("1", "FHY", "CXL", 0),
            "segments[2].distance_m",
            "must be between 1 and 1000000 metres, not 0",
            id="a segment has no length",
        ),
        pytest.param(
            "segments",
            Segment("1", "FHY", "CXL", -5),
            "segments[2].distance_m",
            "not -5",
            id="a segment has a negative length",
        ),
        pytest.param(
            "exits",
            Exit("FHY", "A", NAME),
            "exits.FHY.A",
            "is there twice",
            id="an exit is there twice",
        ),
        pytest.param(
            "exits",
            Exit("XXX", "A", NAME),
            "exits.XXX.A.station_id",
            "there is no station 'XXX'",
            id="an exit belongs to an unknown station",
        ),
        pytest.param(
            "exits",
            Exit("FHY", "北", NAME),
            "exits.FHY.北.exit_id",
            "must be short ASCII",
            id="the id of an exit is not ASCII",
        ),
        pytest.param(
            "gates",
            Gate("FHY-A-01", "FHY", BOTH),
            "gates.FHY-A-01",
            "is there twice",
            id="a gate is there twice",
        ),
        pytest.param(
            "gates",
            Gate("a/b", "FHY", BOTH),
            "gates.a/b.gate_id",
            "must be short ASCII",
            id="the id of a gate has a slash",
        ),
        pytest.param(
            "gates",
            Gate("G", "XXX", BOTH),
            "gates.G.station_id",
            "there is no station 'XXX'",
            id="a gate belongs to an unknown station",
        ),
        pytest.param(
            "gates",
            Gate("G", "FHY", BOTH, "B"),
            "gates.G.exit_id",
            "station 'FHY' has no exit 'B'; exit 'B' belongs to CXL",
            id="a gate stands at the exit of another station",
        ),
        pytest.param(
            "gates",
            Gate("G", "FHY", BOTH, "Z"),
            "gates.G.exit_id",
            "station 'FHY' has no exit 'Z'",
            id="a gate stands at an unknown exit",
        ),
        pytest.param(
            "gates",
            Gate("G", "FHY", frozenset()),
            "gates.G.directions",
            "needs a direction",
            id="a gate leads neither in nor out",
        ),
        pytest.param(
            "gates",
            Gate("G", "FHY", BOTH, None, "c" * 65),
            "gates.G.controller",
            "more than 64 characters",
            id="the name of a controller is too long",
        ),
        pytest.param(
            "media",
            MediumType("qr", NAME, "."),
            "media.qr",
            "is there twice",
            id="a medium is there twice",
        ),
        pytest.param(
            "media",
            MediumType("QR-2", NAME, "."),
            "media.QR-2.code",
            "must be small letters",
            id="the code of a medium has capitals",
        ),
        pytest.param(
            "media",
            MediumType("card", NAME, "[0-9"),
            "media.card.id_pattern",
            "is not a regular expression",
            id="a pattern does not compile",
        ),
        pytest.param(
            "media",
            MediumType("card", NAME, "a" * 201),
            "media.card.id_pattern",
            "more than 200 characters",
            id="a pattern is too long",
        ),
    ],
)
def test_of_its_entries(part: str, entry: object, field: str, message: str) -> None:
    changes: dict[str, Any] = {part: (*getattr(GOOD, part), entry)}
    faults = _faults(replace(GOOD, **changes))
    assert faults.keys() == {field}
    assert message in faults[field]


def test_all_faults_are_reported_at_once() -> None:
    network = replace(GOOD, currency="", exits=(), segments=(), media=())
    assert len(_faults(network)) == 2
