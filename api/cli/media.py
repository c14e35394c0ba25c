"""`media`: block lost media, unblock and list them."""

from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import Reason
from api.cli.shared.output import as_table
from api.cli.shared.secrets import read_number

app = typer.Typer(name="media", help="The block list of lost media.", no_args_is_help=True)

MediumType = Annotated[str, typer.Argument(help="tianfutong, qr or another type.")]
Number = Annotated[
    str | None,
    typer.Option(
        "--id",
        help="`-` reads the number of the card or the account from standard input, and so does "
        "leaving it out; every process list would show a number that stands here.",
    ),
]
Token = Annotated[str | None, typer.Option(help="The token of the medium, instead of its number.")]

BLOCKED_COLUMNS = ("token", "medium_type", "masked", "blocked_at", "reason")


@operator_command(app, "blocked")
def list_blocked() -> Question:
    """List all blocked media."""
    print_media = as_table(BLOCKED_COLUMNS, lambda medium: [medium[it] for it in BLOCKED_COLUMNS])
    return list_all("/v1/media/blocked", print_media)


@operator_command(app, "block")
def block(
    medium_type: MediumType, reason: Reason, number: Number = None, token: Token = None
) -> Question:
    """Block a medium from now on: it cannot enter, but can still leave."""
    return _switch("block", _read_medium(medium_type, number, token), reason)


@operator_command(app, "unblock")
def unblock(
    medium_type: MediumType, reason: Reason, number: Number = None, token: Token = None
) -> Question:
    """Unblock a medium: it can enter again."""
    return _switch("unblock", _read_medium(medium_type, number, token), reason)


def _read_medium(medium_type: str, number: str | None, token: str | None) -> dict[str, str]:
    if number is not None and token is not None:
        raise typer.BadParameter("give either --id or --token")
    if token is not None:
        return {"type": medium_type, "token": token}
    return {"type": medium_type, "id": read_number(number or "-", "--id")}


def _switch(action: str, medium: dict[str, str], reason: str) -> Question:
    body = {"medium": medium, "reason": reason}
    return call("POST", f"/v1/media/{action}", body, _print_state)


def _print_state(medium: dict[str, Any]) -> None:
    name = f"{medium['medium_type']} {medium['masked'] or medium['token']}"
    if medium["blocked"]:
        print(f"{name} is blocked since {medium['blocked_at']}: {medium['reason']}")
    else:
        print(f"{name} is not blocked")
