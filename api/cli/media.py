"""`media`: which media may not enter."""

import sys
from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="media", help="Media that may not enter.", no_args_is_help=True)

MediumType = Annotated[str, typer.Argument(help="tianfutong, qr or another type.")]
Number = Annotated[
    str | None,
    typer.Option(
        "--id", help="The number of the card or the account; `-` reads it from standard input."
    ),
]
Token = Annotated[str | None, typer.Option(help="Its token, in place of the number.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit.")]


@app.command("blocked")
def list_blocked(
    data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All blocked media."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        media = operator.list_all("/v1/media/blocked")
    if as_json:
        print_json(media)
        return
    columns = ("token", "medium_type", "masked", "blocked_at", "reason")
    print_table(columns, [[medium[name] for name in columns] for medium in media])


@app.command("block")
def block(
    medium_type: MediumType,
    reason: Reason,
    number: Number = None,
    token: Token = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Let a medium enter no more, from now on. It may still leave."""
    _switch("block", _medium(medium_type, number, token), reason, data_dir, admin_key, as_json)


@app.command("unblock")
def unblock(
    medium_type: MediumType,
    reason: Reason,
    number: Number = None,
    token: Token = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Let a medium enter again."""
    _switch("unblock", _medium(medium_type, number, token), reason, data_dir, admin_key, as_json)


def _medium(medium_type: str, number: str | None, token: str | None) -> dict[str, str]:
    if (number is None) == (token is None):
        raise typer.BadParameter("give either --id or --token")
    if token is not None:
        return {"type": medium_type, "token": token}
    assert number is not None
    # A number on the command line stands in every process list.
    return {"type": medium_type, "id": sys.stdin.readline().strip() if number == "-" else number}


def _switch(
    action: str, medium: Any, reason: str, data_dir: Any, admin_key: Any, as_json: bool
) -> None:
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        answer = operator.call("POST", f"/v1/media/{action}", {"medium": medium, "reason": reason})
    if as_json:
        print_json(answer)
        return
    told = f"{answer['medium_type']} {answer['masked'] or answer['token']}"
    if answer["blocked"]:
        print(f"{told} is blocked since {answer['blocked_at']}: {answer['reason']}")
    else:
        print(f"{told} is not blocked")
