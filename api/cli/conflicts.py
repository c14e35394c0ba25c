"""`conflicts`: taps and reports that were refused, so that somebody knows who passed by them."""

from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, list_all, operator_command
from api.cli.shared.output import as_table

app = typer.Typer(
    name="conflicts", help="Taps and reports that were refused as conflicts.", no_args_is_help=True
)

COLUMNS = ("received", "tap", "sent by gate", "with key", "gate opened", "differs")


@operator_command(app, "list")
def list_conflicts(
    gate: Annotated[str | None, typer.Option(help="Of one gate alone.")] = None,
    station: Annotated[str | None, typer.Option(help="Of the gates of one station alone.")] = None,
    received_from: Annotated[
        str | None, typer.Option("--from", help="Received from then on: a time with an offset.")
    ] = None,
    received_to: Annotated[
        str | None, typer.Option("--to", help="Received before then: a time with an offset.")
    ] = None,
) -> Question:
    """List what was refused, newest first."""
    query = {"gate_id": gate, "station_id": station, "from": received_from, "to": received_to}
    return list_all("/v1/conflicts", as_table(COLUMNS, _make_row), **query)


def _make_row(conflict: dict[str, Any]) -> tuple[object, ...]:
    tap = conflict["sent_tap"]
    reported = conflict["sent_report"] if tap is None else tap["offline"]
    differs = ", ".join(conflict["differs"])
    if tap is not None and conflict["first_tap"] is None:
        differs = "the tap_id is one of another gate"
    return (
        conflict["received_at"],
        conflict["tap_id"],
        None if tap is None else tap["gate_id"],
        conflict["sender"],
        None if reported is None else reported["gate_action_taken"] == "open",
        differs,
    )
