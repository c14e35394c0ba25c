"""A network without distances, priced by a table of fares alone: set up, served and replayed."""

from pathlib import Path

import httpx2

from tests.commands import Command
from tests.server_process import ServerProcess, make_tap, new_card

STATIONS = ("A", "B", "C")
FARES = {("A", "B"): 300, ("A", "C"): 700, ("B", "A"): 320, ("B", "C"): 400}
FARES |= {("C", "A"): 710, ("C", "B"): 410}


def write_network(
    path: Path, fares: dict[tuple[str, str], int], rules: str = "same_station_fare = 150"
) -> Path:
    """A file with a pilot at A, and gates at all stations."""
    lines = [
        *('network_id = "tables"', 'time_zone = "Asia/Shanghai"'),
        'name = {zh = "表", en = "Tables"}',
        *(
            f'[[stations]]\nstation_id = "{name}"\nname = {{zh = "{name}", en = "{name}"}}'
            for name in STATIONS
        ),
        *(
            f'[[gates]]\ngate_id = "{name}-1"\nstation_id = "{name}"\n'
            f'directions = ["entry", "exit"]\ncontroller = "{name}"'
            for name in STATIONS
        ),
        '[pilot]\nstation_id = "A"\nother_station = "B"\nwindow_seconds = 900\nmedia = ["qr"]',
        'designated_gates = ["A-1"]\neffective_from = 2021-11-24T00:00:00+08:00',
        f"[tariff]\n{rules}",
        f"explicit_fares = {[[*pair, fare] for pair, fare in fares.items()]}",
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def ride(client: httpx2.Client, start: str, end: str, minutes: int) -> tuple[str, int, int]:
    card = new_card()
    hours, rest = divmod(minutes, 60)
    times = ("2021-11-26T08:00:00+08:00", f"2021-11-26T{8 + hours:02}:{rest:02}:00+08:00")
    entry, exit_ = (
        make_tap(f"{station}-1", way, "", at) | {"medium": {"type": "qr", "id": card}}
        for station, way, at in zip((start, end), ("entry", "exit"), times, strict=True)
    )
    client.post("/v1/taps", json=entry)
    answer = client.post("/v1/taps", json=exit_).json()
    return answer["reason"], answer["fare"], answer["fare_waived"]


def test_a_network_is_priced_by_its_table_alone(tmp_path: Path, command: Command) -> None:
    file = write_network(tmp_path / "tables.toml", FARES)
    made = command("init", "--data-dir", tmp_path / "data", "--network", file, "--json")
    server = ServerProcess(tmp_path / "data", setup=made.json)
    try:
        with server.client(server.admin_key) as client:
            assert ride(client, "A", "C", 30) == ("different_station", 700, 0)
            assert ride(client, "C", "A", 30) == ("different_station", 710, 0)
            assert ride(client, "A", "A", 15) == ("same_station_within_window", 0, 150)
            assert ride(client, "B", "B", 15) == ("station_not_in_pilot", 150, 0)
            assert ride(client, "A", "B", 241) == ("overstay", 400, 0), "the highest from B"
            rules = client.get("/v1/tariffs/1").json()["rules"]
            assert (rules["bands"], rules["further"]) == ([], None)
            parameters = client.get("/v1/controllers/A/parameters").json()
            (station,) = parameters["stations"]
            assert (station["highest_fares"], station["lowest_fares"]) == ({"1": 700}, {"1": 300})
            again = rules | {"effective_from": "2099-01-01T00:00:00+08:00"}
            assert client.post("/v1/tariffs", json=again).status_code == 201
            del again["further"], again["explicit_fares"][2]
            missing = client.post("/v1/tariffs", json=again)
            assert missing.status_code == 422
            assert "'A'" in missing.text
            assert "'B'" in missing.text
    finally:
        server.stop()
    taps = tmp_path / "taps.csv"
    taps.write_text(
        "gate_id,direction,occurred_at,medium_type,medium_id\n"
        "A-1,entry,2021-11-26T08:00:00+08:00,qr,anna\n"
        "C-1,exit,2021-11-26T08:30:00+08:00,qr,anna\n",
        "utf-8",
    )
    replayed = command("replay", taps, "--data-dir", server.data_dir, "--json")
    assert replayed.json["money"]["fare"] == 700


def test_pairs_that_are_missing_are_named(tmp_path: Path, command: Command) -> None:
    some = {pair: fare for pair, fare in FARES.items() if pair != ("B", "A")}
    file = write_network(tmp_path / "tables.toml", some)
    refused = command("init", "--data-dir", tmp_path / "data", "--network", file)
    assert refused.status == 1
    assert "'A'" in refused.err
    assert "'B'" in refused.err
    assert not (tmp_path / "data" / "ledger.sqlite3").exists()


def test_a_wrong_tariff_of_a_network_file_is_reported_by_field(
    tmp_path: Path, command: Command
) -> None:
    for rules, field in (
        ("same_station_fare = -1", "same_station_fare"),
        ("surcharge = 1", "surcharge"),
        ('effective_from = "2026-W48-5"', "tariff.effective_from"),
        ('unmatched_exit = "perhaps"', "unmatched_exit"),
    ):
        file = write_network(tmp_path / "tables.toml", FARES, rules)
        refused = command("init", "--data-dir", tmp_path / "data", "--network", file)
        assert refused.status == 1, rules
        assert field in refused.err


def test_no_table_and_no_distances_is_refused(tmp_path: Path, command: Command) -> None:
    file = write_network(tmp_path / "tables.toml", {})
    refused = command("init", "--data-dir", tmp_path / "data", "--network", file)
    assert refused.status == 1
    assert "bands" in refused.err
