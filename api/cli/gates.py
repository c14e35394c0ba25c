"""`gates`: list, show, register and correct gates."""

from typing import Annotated, Any

import typer

from api.cli.operator_command import Question, call, list_all, operator_command
from api.cli.output import as_table

app = typer.Typer(name="gates", help="Gates of the network.", no_args_is_help=True)


@operator_command(app, "list")
def list_gates() -> Question:
    """List all gates, in the order in which they were registered."""
    return list_all("/v1/gates", _print_gates)


@operator_command(app, "show")
def show(gate_id: str) -> Question:
    """Show one gate."""
    return call("GET", f"/v1/gates/{gate_id}", None, lambda gate: _print_gates([gate]))


@operator_command(app, "put")
def put(
    gate_id: str,
    station: Annotated[str, typer.Option(help="The station it belongs to.")],
    direction: Annotated[list[str], typer.Option(help="entry or exit; may be repeated.")],
    exit_id: Annotated[
        str | None, typer.Option("--exit", help="The exit of the station (default: none).")
    ] = None,
    controller: Annotated[
        str | None, typer.Option(help="The controller of the gate (default: none).")
    ] = None,
) -> Question:
    """Register a gate, or correct a registered one, from now on."""
    if not set(direction) <= {"entry", "exit"}:
        raise typer.BadParameter("must be entry or exit", param_hint="--direction")
    gate = {
        "station_id": station,
        "exit_id": exit_id,
        "directions": direction,
        "controller": controller,
    }
    return call("PUT", f"/v1/gates/{gate_id}", gate, _print_registered)


def _print_registered(gate: dict[str, Any]) -> None:
    print(f"{gate['gate_id']} belongs to {gate['station_id']}: {', '.join(gate['directions'])}")


_print_gates = as_table(
    ("gate", "station", "exit", "directions", "designated", "controller", "clock ahead"),
    lambda gate: (
        gate["gate_id"],
        gate["station_id"],
        gate["exit_id"],
        ", ".join(gate["directions"]),
        gate["designated"],
        gate["controller"],
        None if (skew_ms := gate["clock_skew_ms"]) is None else f"{skew_ms} ms",
    ),
)
