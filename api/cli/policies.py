"""`policies`: list and publish crossing policies, suspend and resume crossing."""

from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import Reason
from api.cli.shared.output import as_table

app = typer.Typer(name="policies", help="Crossing policies of stations.", no_args_is_help=True)


@operator_command(app, "list")
def list_policies(station_id: str) -> Question:
    """List all versions of a station's policy, oldest first."""
    print_policies = as_table(
        ("version", "window", "media", "gates", "a day", "from", "to", "note"),
        lambda policy: (
            policy["version"],
            f"{policy['window_seconds']} s",
            " ".join(policy["media"]),
            " ".join(policy["designated_gates"]),
            policy["daily_limit"],
            policy["effective_from"],
            policy["effective_to"],
            policy["note"],
        ),
    )
    return list_all(f"/v1/stations/{station_id}/policies", print_policies)


@operator_command(app, "publish")
def publish(
    station_id: str,
    window_seconds: Annotated[
        int, typer.Option(help="Longest time of a free crossing, inclusive.")
    ],
    medium: Annotated[list[str], typer.Option(help="A media type; may be repeated.")],
    gate: Annotated[list[str], typer.Option(help="A designated gate; may be repeated.")],
    effective_from: Annotated[
        str, typer.Option("--from", help="A time with an offset: 2021-11-24T00:00:00+08:00.")
    ],
    effective_to: Annotated[
        str | None, typer.Option("--to", help="A time with an offset (default: no end).")
    ] = None,
    daily_limit: Annotated[
        int | None, typer.Option(help="Free crossings a day for one medium (default: no limit).")
    ] = None,
    note: str = "",
) -> Question:
    """Publish a new version. Versions are never edited; open journeys keep theirs."""

    def print_published(policy: dict[str, Any]) -> None:
        version, begins = policy["version"], policy["effective_from"]
        print(f"{station_id}: version {version} is in force from {begins}")

    draft = {
        "window_seconds": window_seconds,
        "media": medium,
        "designated_gates": gate,
        "daily_limit": daily_limit,
        "effective_from": effective_from,
        "effective_to": effective_to,
        "note": note,
    }
    return call("POST", f"/v1/stations/{station_id}/policies", draft, print_published)


@operator_command(app, "suspend")
def suspend(station_id: str, reason: Reason) -> Question:
    """Suspend free crossing at a station, from now on."""
    return _switch("suspend", station_id, reason)


@operator_command(app, "resume")
def resume(station_id: str, reason: Reason) -> Question:
    """Resume free crossing at a station, from now on."""
    return _switch("resume", station_id, reason)


def _switch(action: str, station_id: str, reason: str) -> Question:
    def print_state(state: dict[str, Any]) -> None:
        if state["suspended"]:
            print(f"{station_id} is suspended since {state['suspended_at']}: {state['reason']}")
        else:
            print(f"{station_id} is not suspended")

    path = f"/v1/stations/{station_id}/policies/{action}"
    return call("POST", path, {"reason": reason}, print_state)
