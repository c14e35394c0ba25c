"""Network files: Chengdu's is read whole, and each fault of another is told with its place."""

from datetime import datetime
from pathlib import Path

import pytest

from fare_engine.calendar import to_ms
from fare_engine.errors import FileInvalid, NotFound
from fare_engine.network import Direction, Exit, Gate, Line, Name, Segment
from fare_engine.network_file import (
    BUILTIN_MEDIA,
    list_builtins,
    parse_network,
    read_builtin,
    read_network,
)

GOOD = """
network_id = "small"
name = { zh = "小", en = "Small" }
time_zone = "Asia/Shanghai"
lines = [{ line_id = "1", name = { zh = "1号线", en = "Line 1" } }]
stations = [
  { station_id = "A", name = { zh = "甲", en = "A" }, latitude = 30, longitude = 104.5 },
  { station_id = "B", name = { zh = "乙", en = "B" } },
]
segments = [["1", "A", "B", 900]]
exits = [{ station_id = "A", exit_id = "N", name = { zh = "北口", en = "North" } }]
gates = [
  { gate_id = "A-1", station_id = "A", exit_id = "N", directions = ["entry"] },
  { gate_id = "A-2", station_id = "A", directions = ["entry", "exit"], controller = "A" },
]

[pilot]
station_id = "A"
window_seconds = 600
media = ["qr"]
designated_gates = ["A-1", "A-2"]
effective_from = "2021-11-24T00:00:00.5+08:00"
other_station = "B"
"""


def _fault(content: str) -> str:
    with pytest.raises(FileInvalid) as refusal:
        parse_network(content, "small.toml")
    return str(refusal.value)


def _edited(old: str, new: str) -> str:
    assert old in GOOD, old
    return GOOD.replace(old, new, 1)


def test_every_field_arrives() -> None:
    network, pilot, other_station, _ = parse_network(GOOD, "small.toml")
    assert network.name == Name("小", "Small")
    assert network.lines == (Line("1", Name("1号线", "Line 1")),)
    assert network.stations[0].latitude == 30.0
    assert network.stations[1].longitude is None
    assert network.segments == (Segment("1", "A", "B", 900),)
    assert network.exits == (Exit("A", "N", Name("北口", "North")),)
    assert network.gates == (
        Gate("A-1", "A", frozenset({Direction.ENTRY}), "N"),
        Gate("A-2", "A", frozenset(Direction), None, "A"),
    )
    assert network.currency == "CNY"
    assert network.media == BUILTIN_MEDIA
    assert pilot is not None
    assert (pilot.station_id, pilot.window_ms, pilot.daily_limit) == ("A", 600_000, None)
    assert pilot.effective_from_ms == 1_637_683_200_500
    assert pilot.designated_gates == {"A-1", "A-2"}
    assert other_station == "B"


def test_a_file_may_leave_out_the_pilot() -> None:
    content = GOOD.partition("[pilot]")[0]
    assert parse_network(content, "small.toml")[1:] == (None, None, None)


def test_a_file_may_name_its_own_media() -> None:
    name = '{ zh = "卡", en = "Card" }'
    media = f'media = [{{ code = "metrocard", name = {name}, id_pattern = "[0-9]{{8}}" }}]'
    network = parse_network(f"{media}\n{GOOD}", "small.toml").network
    assert [(medium.code, medium.id_pattern) for medium in network.media] == [
        ("metrocard", "[0-9]{8}")
    ]


def test_toml_own_dates_are_taken_too() -> None:
    content = _edited('"2021-11-24T00:00:00.5+08:00"', "2021-11-24T00:00:00+08:00")
    pilot = parse_network(content, "small.toml").pilot
    assert pilot is not None
    assert pilot.effective_from_ms == 1_637_683_200_000


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            'time_zone = "Asia/Shanghai"',
            "",
            "small.toml: time_zone: missing; must be text",
            id="a field is missing",
        ),
        pytest.param(
            'zh = "乙", en = "B"',
            'zh = "乙"',
            "stations[2].name.en: missing; must be text",
            id="a field deep inside is missing",
        ),
        pytest.param(
            ', name = { zh = "乙", en = "B" }',
            "",
            "stations[2].name: missing; must be a table",
            id="a table is missing, and only that is told",
        ),
        pytest.param(
            'controller = "A"',
            'colour = "red"',
            "gates[2].colour: unknown field; known here are controller, directions",
            id="a field is unknown",
        ),
        pytest.param(
            "[pilot]", "[plan]", "plan: unknown field; known here are", id="a table is unknown"
        ),
        pytest.param(
            "latitude = 30",
            'latitude = "30"',
            "stations[1].latitude: must be a number, not text",
            id="text stands where a number must",
        ),
        pytest.param(
            "latitude = 30",
            "latitude = nan",
            "stations[1].latitude: must be a finite number",
            id="a number is none",
        ),
        pytest.param(
            "window_seconds = 600",
            "window_seconds = true",
            "pilot.window_seconds: must be a whole number, not true or false",
            id="true stands where a number must",
        ),
        pytest.param(
            "window_seconds = 600",
            "window_seconds = 600.5",
            "pilot.window_seconds: must be a whole number, not a number",
            id="a broken number stands where a whole one must",
        ),
        pytest.param(
            '["1", "A", "B", 900]',
            '["1", "A", "B", "900"]',
            'segments[1]: must be a row ["line_id", "station_id", "station_id", metres]',
            id="a segment has no metres",
        ),
        pytest.param(
            '["1", "A", "B", 900]',
            '["1", "A", "B", true]',
            "segments[1]: must be a row",
            id="the metres of a segment are true",
        ),
        pytest.param(
            'lines = [{ line_id = "1", name = { zh = "1号线", en = "Line 1" } }]',
            'lines = "1"',
            "lines: must be a list, not text",
            id="text stands where a list must",
        ),
        pytest.param(
            'lines = [{ line_id = "1", name = { zh = "1号线", en = "Line 1" } }]',
            "lines = [1]",
            "lines[1]: must be a table, not a whole number",
            id="a number stands where a table must",
        ),
        pytest.param(
            'station_id = "B", name',
            'station_id = "A", name',
            "stations[2].station_id: 'A' is taken by stations[1]",
            id="a station is there twice",
        ),
        pytest.param(
            'gate_id = "A-2"',
            'gate_id = "A-1"',
            "gates[2].gate_id: 'A-1' is taken by gates[1]",
            id="a gate is there twice",
        ),
        pytest.param(
            'gate_id = "A-2"',
            'gate_id = ""',
            "gates[2].gate_id: must not be empty",
            id="an id is empty",
        ),
        pytest.param(
            '["entry", "exit"]',
            '["entry", "both"]',
            "gates[2].directions: must hold entry and exit only, not 'both'",
            id="a direction is unknown",
        ),
        pytest.param(
            '["entry", "exit"]',
            '["entry", "entry"]',
            "gates[2].directions[2]: 'entry' stands in the list twice",
            id="a direction is there twice",
        ),
        pytest.param(
            'media = ["qr"]',
            "media = [1]",
            "pilot.media[1]: must be text, not a whole number",
            id="a number stands in a list of texts",
        ),
        pytest.param(
            'media = ["qr"]', "", "pilot.media: missing; must be a list", id="a list is missing"
        ),
        pytest.param(
            "24T00:00:00.5+08:00",
            "24T00:00:00",
            "pilot.effective_from: must be a date and time with an offset",
            id="a moment has no offset",
        ),
        pytest.param(
            "2021-11-24T00:00:00.5+08:00",
            "tomorrow",
            "pilot.effective_from: must be a date and time with an offset",
            id="a moment is none",
        ),
        pytest.param(
            'effective_from = "2021-11-24T00:00:00.5+08:00"',
            "",
            "pilot.effective_from: missing; must be a date and time with an offset",
            id="a moment is missing",
        ),
        pytest.param(
            'effective_from = "2021',
            'effective_to = 5\neffective_from = "2021',
            "pilot.effective_to: must be a date and time with an offset",
            id="a number stands where a moment must",
        ),
    ],
)
def test_each_fault_is_told_with_its_place(old: str, new: str, told: str) -> None:
    fault = _fault(_edited(old, new))
    assert told in fault
    assert len(fault.splitlines()) == 1


def test_all_faults_are_told_at_once() -> None:
    content = _edited("latitude = 30", "latitude = true").replace('["qr"]', "7")
    assert [line.split(": ")[1] for line in _fault(content).splitlines()] == [
        "stations[1].latitude",
        "pilot.media",
    ]


def test_a_file_that_is_no_toml_is_told_with_line_and_column() -> None:
    assert "small.toml: is not TOML" in _fault("network_id = \n")
    assert "line 1" in _fault("network_id = \n")


def test_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "metro.toml"
    path.write_text(GOOD, "utf-8")
    assert read_network(path) == parse_network(GOOD, "small.toml")
    path.write_text("x = 1", "utf-8")
    with pytest.raises(FileInvalid, match=r"metro\.toml: x: unknown field"):
        read_network(path)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match=r"none\.toml: cannot be read: No such file"):
        read_network(tmp_path / "none.toml")
    path = tmp_path / "gbk.toml"
    path.write_bytes("name = '成都'".encode("gbk"))
    with pytest.raises(FileInvalid, match=r"gbk\.toml: is not UTF-8 text"):
        read_network(path)


def test_chengdu_comes_with_the_engine() -> None:
    assert "chengdu" in list_builtins()
    network, pilot, other_station, _ = read_builtin("chengdu")
    assert len(network.stations) == 321
    assert len(network.lines) == 15
    assert pilot is not None
    assert (pilot.station_id, pilot.window_ms, other_station) == ("FHY", 900_000, "CXL")
    assert pilot.effective_from_ms == to_ms(datetime.fromisoformat("2021-11-24T00:00:00+08:00"))


def test_the_pilot_of_chengdu_has_two_lanes_each_way_at_different_exits() -> None:
    network, pilot, *_ = read_builtin("chengdu")
    assert pilot is not None
    lane = [gate for gate in network.gates if gate.gate_id in pilot.designated_gates]
    for direction in Direction:
        assert len({gate.exit_id for gate in lane if direction in gate.directions}) >= 2
    others = [gate for gate in network.gates if gate.station_id == "FHY" and gate not in lane]
    assert others


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(NotFound, match="no network 'nowhere' comes with the engine"):
        read_builtin("nowhere")
