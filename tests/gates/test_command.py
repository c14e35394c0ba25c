"""`python -m gates`, as scripts, demonstrations and operators use it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fare_engine.network import Direction
from gates.controller import Passage
from gates.screen import show_passage
from tests.gates.station_process import StationProcess
from tests.server_process import ServerProcess, make_environment, new_card


@pytest.fixture
def station(server: ServerProcess, tmp_path: Path) -> StationProcess:
    process = StationProcess(server, tmp_path / "gates")
    process.store_parameters()
    return process


def test_a_script_taps_and_is_answered_line_by_line(station: StationProcess) -> None:
    card = new_card()
    ran = station.run(
        "# a crossing",
        f"FHY-A-01 entry tianfutong:{card}",
        f"FHY-C-02 exit tianfutong:{card}",
        "not-passed FHY-C-02 gate stuck",
        "wait",
    )
    assert ran.status == 0, ran.log
    entry, leaving, report, status = ran.answers
    assert entry["gate_action"] == "open"
    assert (leaving["reason"], leaving["fare_waived"]) == ("same_station_within_window", 180)
    assert report == {"tap_id": leaving["tap_id"], "passed": False}
    assert (status["waiting"], status["reports_waiting"]) == (0, 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("open sesame", "wrong-usage"),
        ("FHY-A-01 entry 3104870512345678", "wrong-usage"),
        ("FHY-A-01 entry tianfutong:123", "medium-unreadable"),
        ("FHY-A-01 entry oyster:123", "medium-unreadable"),
        ("not-passed FHY-A-01", "unknown-tap"),
        ("mode start party", "wrong-usage"),
    ],
)
def test_a_line_that_cannot_be_done_is_answered_by_an_error_and_the_next_one_read(
    station: StationProcess, line: str, code: str
) -> None:
    ran = station.run(line, "status")
    assert ran.answers[0]["error"] == code
    assert "waiting" in ran.answers[1]


def test_a_ride_code_of_no_known_issuer_opens_nothing(station: StationProcess) -> None:
    (answer,) = station.run("FHY-A-01 entry code:SOMETHING").answers
    assert (answer["gate_action"], answer["reason"]) == ("refuse", "ride_code_invalid")


def test_neither_card_code_nor_key_reaches_disk_or_log(
    server: ServerProcess, station: StationProcess
) -> None:
    card, code = new_card(), "A-RIDE-CODE-OF-SOMEBODY"
    ran = station.run(f"FHY-A-01 entry tianfutong:{card}", f"FHY-A-01 entry code:{code}")
    token_key = (server.data_dir / "token.key").read_text().strip()
    for secret in (card, code, server.gate_key, token_key):
        assert not station.holds(secret)
        assert secret not in ran.log


def test_a_mode_set_by_hand_lasts_until_it_is_ended(station: StationProcess) -> None:
    arguments = ("emergency", "--station", "FHY")
    assert "emergency" in station.command("mode", "start", *arguments, "--reason", "smoke").stdout
    assert station.run("status").answers[0]["modes"] == ["emergency"]
    assert "none" in station.command("mode", "end", *arguments).stdout


def test_what_is_quarantined_is_listed_and_released(station: StationProcess) -> None:
    (answer,) = station.run(f"FHY-A-01 entry tianfutong:{new_card()}").answers
    station.write("UPDATE taps SET standing = 2, problem = 'tap-conflict: x'")
    listed = station.command("quarantined").stdout
    assert answer["tap_id"] in listed
    assert station.command("set-aside").stdout == listed, "the command's former name"
    assert station.command("release").stdout == "1 will be sent again\n"
    assert station.run("wait").answers[0]["waiting"] == 0


def test_a_directory_without_a_controller_is_an_error(
    server: ServerProcess, tmp_path: Path
) -> None:
    done = StationProcess(server, tmp_path / "nothing").command("quarantined")
    assert (done.returncode, "there is no controller" in done.stderr) == (2, True)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("missing", ["FARE_GATE_KEY", "FARE_TOKEN_KEY"])
def test_a_missing_secret_is_named(station: StationProcess, missing: str) -> None:
    ran = station.run("status", **{missing: ""})
    assert ran.status == 2
    assert missing in ran.log


def test_secrets_may_be_in_files(server: ServerProcess, station: StationProcess) -> None:
    key = station.data_dir / "key"
    key.write_text(server.gate_key + "\n")
    ran = station.run(
        f"FHY-A-01 entry tianfutong:{new_card()}",
        FARE_GATE_KEY="",
        FARE_TOKEN_KEY="",
        FARE_GATE_KEY_FILE=str(key),
        FARE_TOKEN_KEY_FILE=str(server.data_dir / "token.key"),
    )
    assert ran.answers[0]["gate_action"] == "open"


def test_the_keyboard_lane_shows_the_screen_in_chinese(
    server: ServerProcess, station: StationProcess
) -> None:
    typed, read = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gates", "--station", "FHY", "--engine", server.url],
        env=make_environment(station.environment | {"COLUMNS": "80"}),
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        os.close(read)
        os.write(typed, b"1 a\n4 a\n1 tianfutong:1\nn\nq\n")
        shown, _ = process.communicate(timeout=60)
        os.close(typed)
    assert process.returncode == 0
    for text in ("孵化园站", "请进站", "请出站", "同站过街", "无法识别"):
        assert text in shown


@pytest.mark.parametrize(
    ("direction", "opens", "fare", "reason", "waived", "elapsed_ms", "expected"),
    [
        (1, True, 0, "entry_opened", 0, None, "请进站"),
        (
            2,
            True,
            0,
            "same_station_within_window",
            180,
            212_360,
            "免扣 ¥1.80 同站过街，免费通行，用时3分32秒",
        ),
        (
            2,
            True,
            205,
            "window_exceeded",
            0,
            901_000,
            "扣费 ¥2.05 已超过同站过街免费时限，用时15分1秒",
        ),
        (2, True, 0, "no_open_entry", 0, None, "费用稍后结算"),
        (2, False, 0, "no_open_entry", 0, None, "无进站记录，请到客服中心处理"),
        (1, False, 0, "medium_blocked", 0, None, "票卡已停用，请到客服中心处理"),
        (1, False, 0, "a_reason_of_next_year", 0, None, "请到客服中心处理"),
    ],
)
def test_a_screen_shows_the_fare_and_the_reason(
    direction: int,
    opens: bool,
    fare: int,
    reason: str,
    waived: int,
    elapsed_ms: int | None,
    expected: str,
) -> None:
    way = Direction(direction)
    passage = Passage("t", "g", way, opens, fare, reason, False, waived, elapsed_ms)
    screen = show_passage(passage)
    shown = " ".join(part for part in (screen.fare, screen.note) if part) or screen.headline
    assert shown == expected
    assert screen.opens is opens
