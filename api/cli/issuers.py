"""`issuers`: who may sign ride codes, with which keys, in which period."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import Reason
from api.cli.shared.output import print_table
from fare_engine.errors import FileInvalid

if TYPE_CHECKING:
    from api.cli.shared.operator import Operator

app = typer.Typer(
    name="issuers", help="Issuers of ride codes and their public keys.", no_args_is_help=True
)

KeyId = Annotated[
    str, typer.Option(help="The id of the key in ride codes; never used for another key.")
]
PublicKey = Annotated[
    str | None, typer.Option(help="A PEM file with an Ed25519 key, or a key in base64url.")
]
NewKey = Annotated[
    Path | None,
    typer.Option(
        help="Make a key pair and write the private key to this new file (PEM, 0600). For "
        "trials: with that file, ride codes can be made for any account."
    ),
]
Algorithm = Annotated[str, typer.Option(help="Ed25519, or SM2 with the extra of that name.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="Start of the time in which it may sign (default: now)."),
]
To = Annotated[
    str | None, typer.Option("--to", help="End of that time, exclusive (default: none).")
]


@operator_command(app, "list")
def list_issuers() -> Question:
    """List all issuers with all their keys, ended ones included."""
    return list_all("/v1/ride-code-issuers", _print_issuers)


@operator_command(app, "add")
def add(
    issuer_id: str,
    key_id: KeyId,
    public_key: PublicKey = None,
    new_key: NewKey = None,
    algorithm: Algorithm = "Ed25519",
    valid_from: From = None,
    valid_to: To = None,
) -> Question:
    """Register an issuer with its first key."""
    body = {
        "issuer_id": issuer_id,
        "key_id": key_id,
        "algorithm": algorithm,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    return Question(
        _register("/v1/ride-code-issuers", body, public_key, new_key),
        lambda _issuer: print(f"{issuer_id}: registered with the key {key_id}"),
    )


@operator_command(app, "rotate")
def rotate(
    issuer_id: str,
    key_id: KeyId,
    public_key: PublicKey = None,
    new_key: NewKey = None,
    algorithm: Algorithm = "Ed25519",
    valid_from: From = None,
    valid_to: To = None,
) -> Question:
    """Register another key of an issuer. Earlier keys stay in force until they are retired."""
    body = {
        "key_id": key_id,
        "algorithm": algorithm,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    return Question(
        _register(f"/v1/ride-code-issuers/{issuer_id}/rotate", body, public_key, new_key),
        lambda _issuer: print(
            f"{issuer_id}: the key {key_id} is registered, and earlier keys stay in force"
        ),
    )


@operator_command(app, "retire")
def retire(
    issuer_id: str,
    key_id: KeyId,
    reason: Reason,
    valid_to: Annotated[
        str | None, typer.Option("--at", help="When the key ends (default: now).")
    ] = None,
) -> Question:
    """End a key: codes issued from then on are invalid. A stolen key may end in the past."""

    def print_retired(issuer: dict[str, Any]) -> None:
        ends = {key["key_id"]: key["valid_to"] for key in issuer["keys"]}
        print(f"{issuer_id}: the key {key_id} ends at {ends[key_id]}")

    body = {"key_id": key_id, "reason": reason, "valid_to": valid_to}
    return call("POST", f"/v1/ride-code-issuers/{issuer_id}/retire", body, print_retired)


def _print_issuers(issuers: list[dict[str, Any]]) -> None:
    print_table(
        ("issuer", "key", "algorithm", "from", "to", "public key"),
        [
            (
                issuer["issuer_id"],
                key["key_id"],
                key["algorithm"],
                key["valid_from"],
                key["valid_to"],
                key["public_key"],
            )
            for issuer in issuers
            for key in issuer["keys"]
        ],
    )


def _register(
    path: str, body: dict[str, Any], public_key: str | None, new_key: Path | None
) -> Callable[["Operator"], Any]:
    """Returns what registers a public key: the one given, or that of a new pair.

    The file of a new private key stays only if its public key was registered.
    """
    if (public_key is None) == (new_key is None):
        raise typer.BadParameter("give one of --public-key and --new-key")

    def send(operator: "Operator") -> Any:
        from fare_engine.documents import encode_key
        from gates.media.issuing import generate_private_key, public_bytes

        if new_key is None:
            encoded = _read_public(public_key or "")
            return operator.call("POST", path, body | {"public_key": encoded})
        private_key = generate_private_key()
        _write_private(new_key, private_key)
        try:
            encoded = encode_key(public_bytes(private_key))
            return operator.call("POST", path, body | {"public_key": encoded})
        except BaseException:
            new_key.unlink()
            raise

    return send


def _read_public(text: str) -> str:
    from fare_engine.documents import encode_key
    from gates.media.faults import KeyUnusable
    from gates.media.issuing import read_public_key

    path = Path(text)
    if not path.is_file():
        return text
    try:
        return encode_key(read_public_key(path.read_bytes()))
    except KeyUnusable as error:
        raise FileInvalid(f"{path}: {error}") from error


def _write_private(path: Path, private_key: Any) -> None:
    from gates.media.issuing import to_pem

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be created: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(to_pem(private_key))
        file.flush()
        os.fsync(file.fileno())
