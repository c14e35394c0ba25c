"""`gates`: where each stands, and registering or correcting one."""

from typing import Annotated, Any

import typer

from api.cli.operator_command import Question, call, list_all, operator_command
from api.cli.output import as_table

app = typer.Typer(name="gates", help="Gates of the network.", no_args_is_help=True)


@operator_command(app, "list")
def list_gates() -> Question:
    """All gates, in the order in which they were registered."""
    return list_all("/v1/gates", _print_gates)


@operator_command(app, "show")
def show(gate_id: str) -> Question:
    """One gate."""
    return call("GET", f"/v1/gates/{gate_id}", None, lambda gate: _print_gates([gate]))


@operator_command(app, "put")
def put(
    gate_id: str,
    station: Annotated[str, typer.Option(help="The station it belongs to.")],
    direction: Annotated[list[str], typer.Option(help="entry or exit; may be repeated.")],
    exit_id: Annotated[
        str | None, typer.Option("--exit", help="The exit of the station; left out: none.")
    ] = None,
    controller: Annotated[str | None, typer.Option(help="Left out: none.")] = None,
) -> Question:
    """Register a gate, or correct the one of that id, from now on."""
    if not set(direction) <= {"entry", "exit"}:
        raise typer.BadParameter("must be entry or exit", param_hint="--direction")
    gate = {
        "station_id": station,
        "exit_id": exit_id,
        "directions": direction,
        "controller": controller,
    }
    return call("PUT", f"/v1/gates/{gate_id}", gate, _print_placed)


def _print_placed(gate: dict[str, Any]) -> None:
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
