"""`gate-check`: play a controller's conversation against a server, for makers of gates."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli.shared.options import Json
from api.cli.shared.output import print_json

if TYPE_CHECKING:
    from gates.media.issuing import RideCodeIssuer

KEY_VARIABLE: Final = "FARE_GATE_KEY"
KEY_LENGTH_MAX: Final = 256


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gate-check")(check)


def check(
    url: Annotated[str, typer.Argument(help="The server: http://… or https://…")],
    key_file: Annotated[
        str | None,
        typer.Option(
            help="A file with a gate key, or - for standard input (default: FARE_GATE_KEY).",
            show_default=False,
        ),
    ] = None,
    controller: Annotated[
        str | None,
        typer.Option(help="The controller to play (default: the first that the key speaks for)."),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(help="For ride codes: a registered test issuer and its key, ISSUER/KEY_ID."),
    ] = None,
    issuer_key: Annotated[
        Path | None, typer.Option(help="PEM file with the test issuer's private key (Ed25519).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a controller's conversation, and say what a client must do with each answer.

    Its taps stay in the ledger: use a test installation. Exit status 1 if the server broke the
    contract.
    """
    import httpx2

    from fare_engine.errors import ConfigurationError
    from simulator.gate_kit.conversation import play
    from simulator.gate_kit.place import NoPlace
    from simulator.gate_kit.report import format_document, make_document
    from simulator.gate_kit.talk import Talk

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://", param_hint="URL")
    try:
        talk = Talk(url.rstrip("/"), _read_key(key_file))
    except httpx2.InvalidURL as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    try:
        place = play(talk, controller, _make_issuer(issuer, issuer_key))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ConfigurationError(f"gate-check: {url} cannot be reached: {error}") from None
    except NoPlace as error:
        raise ConfigurationError(f"gate-check: {error}") from None
    finally:
        talk.close()
    document = make_document(url, talk.steps, place)
    if as_json:
        print_json(document)
    else:
        print(format_document(document))
    if not document["passed"]:
        raise typer.Exit(1)


def _make_issuer(issuer: str | None, path: Path | None) -> "RideCodeIssuer | None":
    """What issues codes under the key of a test issuer."""
    if issuer is None and path is None:
        return None
    issuer_id, _, key_id = (issuer or "").partition("/")
    if not issuer_id or not key_id or path is None:
        raise typer.BadParameter("give ISSUER/KEY_ID and --issuer-key", param_hint="--issuer")
    from api.cli.ride_codes import read_issuer_key
    from gates.media.issuing import RideCodeIssuer

    return RideCodeIssuer(issuer_id, key_id, read_issuer_key(path))


def _read_key(key_file: str | None) -> str:
    """The gate key: never from the command line, where every process could read it."""
    from fare_engine.errors import ConfigurationError

    if key_file is None:
        key = os.environ.get(KEY_VARIABLE, "")
    elif key_file == "-":
        key = sys.stdin.readline(KEY_LENGTH_MAX + 2)
    else:
        try:
            with Path(key_file).open(encoding="utf-8") as file:
                key = file.readline(KEY_LENGTH_MAX + 2)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ConfigurationError(f"{key_file}: cannot be read: {why}") from None
    key = key.strip()
    if not key or len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise ConfigurationError(f"give a gate key in {KEY_VARIABLE} or with --key-file")
    return key
