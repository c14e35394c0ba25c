"""`gates`: list, show, register, move and correct gates, and take them down."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.output import as_table

if TYPE_CHECKING:
    from api.cli.shared.operator import Operator

From = Annotated[
    str | None,
    typer.Option("--from", help="The first instant of it, also one that is past or to come."),
]

app = typer.Typer(name="gates", help="Gates of the network.", no_args_is_help=True)


@operator_command(app, "list")
def list_gates() -> Question:
    """List all gates, in the order in which they were registered."""
    return list_all("/v1/gates", _print_gates)


@operator_command(app, "show")
def show(gate_id: str) -> Question:
    """Show one gate, and where it stood and is to stand."""
    return call("GET", f"/v1/gates/{gate_id}", None, _print_history)


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
    effective_from: From = None,
) -> Question:
    """Register a gate, or say where one stands from an instant on.

    Taps belong to the station at which their gate stood when they were made.
    """
    if not set(direction) <= {"entry", "exit"}:
        raise typer.BadParameter("must be entry or exit", param_hint="--direction")
    gate = {
        "station_id": station,
        "exit_id": exit_id,
        "directions": direction,
        "controller": controller,
        "effective_from": effective_from,
    }
    return call("PUT", f"/v1/gates/{gate_id}", gate, _print_registered)


@operator_command(app, "take-down")
def take_down(gate_id: str, effective_from: From = None) -> Question:
    """Take a gate down from an instant on; `put` puts it up again."""
    path = f"/v1/gates/{gate_id}"

    def ask(operator: "Operator") -> Any:
        return operator.call("DELETE", path, effective_from=effective_from)

    return Question(ask, _print_registered)


def _print_registered(gate: dict[str, Any]) -> None:
    _print_placement(gate["gate_id"], gate, "")
    latest = gate["placements"][-1]
    if latest["effective_from"] != gate["effective_from"]:
        _print_placement(gate["gate_id"], latest, f", from {latest['effective_from']} on")


def _print_placement(gate_id: str, placement: dict[str, Any], when: str) -> None:
    directions = ", ".join(placement["directions"]) or "taken down"
    print(f"{gate_id} belongs to {placement['station_id']}{when}: {directions}")


def _print_history(gate: dict[str, Any]) -> None:
    _print_gates([gate])
    if len(gate["placements"]) > 1:
        print()
        _print_placements(gate["placements"])


_print_placements = as_table(
    ("from", "station", "exit", "directions", "controller"),
    lambda placement: (
        placement["effective_from"],
        placement["station_id"],
        placement["exit_id"],
        ", ".join(placement["directions"]) or "taken down",
        placement["controller"],
    ),
)
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
