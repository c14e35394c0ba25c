"""`modes`: degraded modes of a station, while equipment is broken or in an emergency."""

from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import Reason
from api.cli.shared.output import as_table

app = typer.Typer(name="modes", help="Degraded modes of stations.", no_args_is_help=True)

Mode = Annotated[
    str,
    typer.Argument(help="sequence_free, entry_free, exit_free, time_free, fare_free or emergency."),
]


@operator_command(app, "list")
def list_modes(station_id: str) -> Question:
    """List all degraded modes of a station, in the order in which they were started."""
    print_modes = as_table(
        ("number", "mode", "in force", "from", "to", "reason"),
        lambda mode: (
            mode["number"],
            mode["mode"],
            mode["in_force"],
            mode["effective_from"],
            mode["effective_to"],
            mode["reason"],
        ),
    )
    return list_all(f"/v1/stations/{station_id}/modes", print_modes)


@operator_command(app, "start")
def start(
    station_id: str,
    mode: Mode,
    reason: Reason,
    effective_from: Annotated[
        str | None,
        typer.Option("--from", help="A time with an offset, also a past one (default: now)."),
    ] = None,
    effective_to: Annotated[
        str | None, typer.Option("--to", help="A time with an offset (default: until it is ended).")
    ] = None,
) -> Question:
    """Start a degraded mode at a station."""

    def print_started(started: dict[str, Any]) -> None:
        end = started["effective_to"] or "it is ended"
        print(f"{station_id}: {mode} from {started['effective_from']} until {end}")

    body = {
        "mode": mode,
        "effective_from": effective_from,
        "effective_to": effective_to,
        "reason": reason,
    }
    return call("POST", f"/v1/stations/{station_id}/modes", body, print_started)


@operator_command(app, "end")
def end(
    station_id: str,
    mode: Mode,
    reason: Reason,
    effective_to: Annotated[
        str | None,
        typer.Option("--to", help="A time with an offset, also a past one (default: now)."),
    ] = None,
) -> Question:
    """End a degraded mode at a station."""

    def print_ended(ended: dict[str, Any]) -> None:
        for stretch in ended["items"]:
            print(f"{station_id}: {mode} ended at {stretch['effective_to']}")
        if not ended["items"]:
            print(f"{station_id}: {mode} was not in force")

    body = {"mode": mode, "effective_to": effective_to, "reason": reason}
    return call("POST", f"/v1/stations/{station_id}/modes/end", body, print_ended)
