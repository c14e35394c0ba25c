"""`gates`: where each stands, and registering or correcting one."""

from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="gates", help="Gates of the network.", no_args_is_help=True)


@app.command("list")
def list_gates(data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False) -> None:
    """All gates, in the order in which they were registered."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        gates = operator.list_all("/v1/gates")
    if as_json:
        print_json(gates)
    else:
        _print_gates(gates)


@app.command("show")
def show(
    gate_id: str, data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """One gate."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        gate = operator.call("GET", f"/v1/gates/{gate_id}")
    if as_json:
        print_json(gate)
    else:
        _print_gates([gate])


@app.command("put")
def put(
    gate_id: str,
    station: Annotated[str, typer.Option(help="The station it belongs to.")],
    direction: Annotated[list[str], typer.Option(help="entry or exit; may be repeated.")],
    exit_id: Annotated[
        str | None, typer.Option("--exit", help="The exit of the station; left out: none.")
    ] = None,
    controller: Annotated[str | None, typer.Option(help="Left out: none.")] = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Register a gate, or correct the one of that id, from now on."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    if not set(direction) <= {"entry", "exit"}:
        raise typer.BadParameter("must be entry or exit", param_hint="--direction")
    draft = {
        "station_id": station,
        "exit_id": exit_id,
        "directions": direction,
        "controller": controller,
    }
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        gate = operator.call("PUT", f"/v1/gates/{gate_id}", draft)
    if as_json:
        print_json(gate)
    else:
        print(f"{gate_id} belongs to {gate['station_id']}: {', '.join(gate['directions'])}")


def _print_gates(gates: list[dict[str, Any]]) -> None:
    from api.cli.output import print_table

    print_table(
        ("gate", "station", "exit", "directions", "designated", "controller", "clock ahead"),
        [
            (
                gate["gate_id"],
                gate["station_id"],
                gate["exit_id"],
                ", ".join(gate["directions"]),
                "yes" if gate["designated"] else "no",
                gate["controller"],
                None if (skew_ms := gate["clock_skew_ms"]) is None else f"{skew_ms} ms",
            )
            for gate in gates
        ],
    )
