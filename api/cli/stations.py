"""`stations`: list and show the stations of the network."""

from typing import Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.output import as_table

app = typer.Typer(name="stations", help="Stations, exits and gates.", no_args_is_help=True)


@operator_command(app, "list")
def list_stations() -> Question:
    """List all stations, with the policy in force."""
    print_stations = as_table(
        ("station", "name", "", "lines", "gates", "policy"),
        lambda station: (
            station["station_id"],
            station["name"]["zh"],
            station["name"]["en"],
            " ".join(station["lines"]),
            len(station["gates"]),
            _format_policy(station),
        ),
    )
    return list_all("/v1/stations", print_stations)


@operator_command(app, "show")
def show(station_id: str) -> Question:
    """Show one station with its gates, the policy in force and the next one."""
    return call("GET", f"/v1/stations/{station_id}", None, _print_station)


def _print_station(station: dict[str, Any]) -> None:
    name = station["name"]
    print(f"{station['station_id']}  {name['zh']}  {name['en']}  {' '.join(station['lines'])}")
    print(f"policy: {_format_policy(station) or 'none'}")
    if station["next_policy"]:
        following = station["next_policy"]
        print(f"next: version {following['version']} from {following['effective_from']}")
    print_gates = as_table(
        ("gate", "exit", "directions", "designated"),
        lambda gate: (
            gate["gate_id"],
            gate["exit_id"],
            ", ".join(gate["directions"]),
            gate["designated"],
        ),
    )
    print_gates(station["gates"])


def _format_policy(station: dict[str, Any]) -> str | None:
    policy = station["policy"]
    if policy is None:
        return None
    suspended = ", suspended" if station["suspended"] else ""
    return f"version {policy['version']}, {policy['window_seconds']} s{suspended}"
