"""An engine that cannot be had says why."""

import socket
from pathlib import Path

import pytest

from simulator.server_metro import read_metro
from simulator.serving import Keys, NotServed, find_port, prepare, serving


def test_a_port_that_somebody_has_gives_way_to_any_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find_port(listener.getsockname()[1]) == 0


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(NotServed, match=r"is not empty: it holds letter\.txt"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_server_that_does_not_start_shows_what_it_printed(tmp_path: Path) -> None:
    keys = Keys("no key", None, frozenset())
    starting = serving(tmp_path / "missing", 0, keys, tmp_path / "server.log")
    with pytest.raises(NotServed, match=r"did not start\n.*there is no data directory"), starting:
        pytest.fail("it started")


def test_a_network_without_a_pilot_cannot_be_simulated() -> None:
    with pytest.raises(NotServed, match="no station has a crossing policy in force"):
        read_metro([])
