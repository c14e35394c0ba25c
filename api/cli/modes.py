"""`modes`: what a station lets go while something is broken."""

from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="modes", help="Degraded modes of stations.", no_args_is_help=True)

Mode = Annotated[
    str,
    typer.Argument(help="sequence_free, entry_free, exit_free, time_free, fare_free or emergency."),
]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit.")]


@app.command("list")
def list_modes(
    station_id: str, data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All degraded modes of a station, in the order in which they were started."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        modes = operator.list_all(f"/v1/stations/{station_id}/modes")
    if as_json:
        print_json(modes)
        return
    print_table(
        ("number", "mode", "in force", "from", "to", "reason"),
        [
            (
                mode["number"],
                mode["mode"],
                "yes" if mode["in_force"] else "no",
                mode["effective_from"],
                mode["effective_to"],
                mode["reason"],
            )
            for mode in modes
        ],
    )


@app.command("start")
def start(
    station_id: str,
    mode: Mode,
    reason: Reason,
    effective_from: Annotated[
        str | None,
        typer.Option("--from", help="A time with an offset, also a past one. Left out: now."),
    ] = None,
    effective_to: Annotated[
        str | None, typer.Option("--to", help="Left out: until it is ended.")
    ] = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Start a degraded mode at a station."""
    body = {
        "mode": mode,
        "effective_from": effective_from,
        "effective_to": effective_to,
        "reason": reason,
    }
    started = _call(f"/v1/stations/{station_id}/modes", body, data_dir, admin_key, as_json)
    if not as_json:
        end = started["effective_to"] or "it is ended"
        print(f"{station_id}: {mode} from {started['effective_from']} until {end}")


@app.command("end")
def end(
    station_id: str,
    mode: Mode,
    reason: Reason,
    effective_to: Annotated[
        str | None,
        typer.Option("--to", help="A time with an offset, also a past one. Left out: now."),
    ] = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """End a degraded mode at a station."""
    body = {"mode": mode, "effective_to": effective_to, "reason": reason}
    ended = _call(f"/v1/stations/{station_id}/modes/end", body, data_dir, admin_key, as_json)
    if as_json:
        return
    for stretch in ended["items"]:
        print(f"{station_id}: {mode} ended at {stretch['effective_to']}")
    if not ended["items"]:
        print(f"{station_id}: {mode} was not in force")


def _call(path: str, body: Any, data_dir: Any, admin_key: Any, as_json: bool) -> Any:
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        answer = operator.call("POST", path, body)
    if as_json:
        print_json(answer)
    return answer
