"""`policies`: list them, publish a new version, suspend and resume."""

from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="policies", help="Crossing policies of stations.", no_args_is_help=True)


@app.command("list")
def list_policies(
    station_id: str, data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All versions of a station's policy, oldest first."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        policies = operator.list_all(f"/v1/stations/{station_id}/policies")
    if as_json:
        print_json(policies)
        return
    print_table(
        ("version", "window", "media", "gates", "a day", "from", "to", "note"),
        [
            (
                policy["version"],
                f"{policy['window_seconds']} s",
                " ".join(policy["media"]),
                " ".join(policy["designated_gates"]),
                policy["daily_limit"],
                policy["effective_from"],
                policy["effective_to"],
                policy["note"],
            )
            for policy in policies
        ],
    )


@app.command("publish")
def publish(
    station_id: str,
    window_seconds: Annotated[int, typer.Option(help="Inclusive.")],
    medium: Annotated[list[str], typer.Option(help="A media type; may be repeated.")],
    gate: Annotated[list[str], typer.Option(help="A designated gate; may be repeated.")],
    effective_from: Annotated[
        str, typer.Option("--from", help="A time with an offset: 2021-11-24T00:00:00+08:00.")
    ],
    effective_to: Annotated[str | None, typer.Option("--to", help="Left out: no end.")] = None,
    daily_limit: Annotated[int | None, typer.Option(help="Left out: no limit.")] = None,
    note: str = "",
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Publish a new version. Versions are never edited, and open journeys keep theirs."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    draft = {
        "window_seconds": window_seconds,
        "media": medium,
        "designated_gates": gate,
        "daily_limit": daily_limit,
        "effective_from": effective_from,
        "effective_to": effective_to,
        "note": note,
    }
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        policy = operator.call("POST", f"/v1/stations/{station_id}/policies", draft)
    if as_json:
        print_json(policy)
    else:
        print(
            f"{station_id}: version {policy['version']} is in force from {policy['effective_from']}"
        )


@app.command("suspend")
def suspend(
    station_id: str,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit.")],
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Stop waiving at a station, from now on."""
    _switch("suspend", station_id, reason, data_dir, admin_key, as_json)


@app.command("resume")
def resume(
    station_id: str,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit.")],
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Waive again at a station, from now on."""
    _switch("resume", station_id, reason, data_dir, admin_key, as_json)


def _switch(
    action: str, station_id: str, reason: str, data_dir: Any, admin_key: Any, as_json: bool
) -> None:
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        answer = operator.call(
            "POST", f"/v1/stations/{station_id}/policies/{action}", {"reason": reason}
        )
    if as_json:
        print_json(answer)
    elif answer["suspended"]:
        print(f"{station_id} is suspended since {answer['suspended_at']}: {answer['reason']}")
    else:
        print(f"{station_id} is not suspended")
