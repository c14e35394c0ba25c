"""`adjustments`: what settlements issued, and those that are held for a person to decide."""

from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import Reason
from api.cli.shared.output import as_table

app = typer.Typer(
    name="adjustments", help="Adjustments that settlements issued or hold.", no_args_is_help=True
)

COLUMNS = ("number", "tap", "fen", "collected", "due", "why", "state", "reason")

Number = Annotated[int, typer.Argument(help="As `adjustments list` shows it.", min=1)]


@operator_command(app, "list")
def list_adjustments(
    state: Annotated[
        str | None, typer.Option(help="issued, held, released or refused (default: all).")
    ] = None,
) -> Question:
    """List adjustments, oldest first."""
    return list_all("/v1/adjustments", as_table(COLUMNS, _make_row), state=state)


@operator_command(app, "release")
def release(number: Number, reason: Reason) -> Question:
    """Release an adjustment that is held: it counts from now on."""
    return _review(number, "release", reason)


@operator_command(app, "refuse")
def refuse(number: Number, reason: Reason) -> Question:
    """Refuse an adjustment that is held, for good: it counts nowhere."""
    return _review(number, "refuse", reason)


def _review(number: int, action: str, reason: str) -> Question:
    return call("POST", f"/v1/adjustments/{number}/{action}", {"reason": reason}, _print_state)


def _print_state(item: dict[str, Any]) -> None:
    review = item["review"]
    print(
        f"adjustment {item['adjustment_id']} of {item['fare']} fen for {item['tap_id']} "
        f"was {item['state']} at {review['reviewed_at']}: {review['reason']}"
    )


def _make_row(item: dict[str, Any]) -> tuple[object, ...]:
    review = item["review"]
    return (
        *(item["adjustment_id"], item["tap_id"], item["fare"], item["collected"], item["due"]),
        *(item["why"], item["state"], None if review is None else review["reason"]),
    )
