"""`issuers`: who may sign ride codes, with which keys, and until when."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(
    name="issuers", help="Issuers of ride codes and their public keys.", no_args_is_help=True
)

KeyId = Annotated[str, typer.Option(help="What codes call the key; never used for another.")]
PublicKey = Annotated[
    str | None, typer.Option(help="A PEM file with an Ed25519 key, or a key in base64url.")
]
NewKey = Annotated[
    Path | None,
    typer.Option(
        help="Make a key pair, and write the private key to this new file (PEM, 0600). For "
        "trials: whoever has that file can write ride codes for any account."
    ),
]
Algorithm = Annotated[str, typer.Option(help="Ed25519, or SM2 with the extra of that name.")]
From = Annotated[
    str | None, typer.Option("--from", help="First instant of codes it may sign (default: now).")
]
To = Annotated[str | None, typer.Option("--to", help="First instant after them (default: none).")]


@app.command("list")
def list_issuers(
    data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """Every issuer with all its keys, those that ended too."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        issuers = operator.list_all("/v1/ride-code-issuers")
    if as_json:
        print_json(issuers)
        return
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


@app.command("add")
def add(
    issuer_id: str,
    key_id: KeyId,
    public_key: PublicKey = None,
    new_key: NewKey = None,
    algorithm: Algorithm = "Ed25519",
    valid_from: From = None,
    valid_to: To = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Register an issuer with its first key: its codes are taken from now on."""
    from api.settings import load_settings

    body = {
        "issuer_id": issuer_id,
        "key_id": key_id,
        "algorithm": algorithm,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    settings = load_settings(data_dir=data_dir, admin_key=admin_key)
    answer = _register(settings, "/v1/ride-code-issuers", body, public_key, new_key)
    _tell(answer, f"{issuer_id}: registered with the key {key_id}", as_json)


@app.command("rotate")
def rotate(
    issuer_id: str,
    key_id: KeyId,
    public_key: PublicKey = None,
    new_key: NewKey = None,
    algorithm: Algorithm = "Ed25519",
    valid_from: From = None,
    valid_to: To = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Register another key of an issuer. Those before stay in force until they are retired."""
    from api.settings import load_settings

    body = {
        "key_id": key_id,
        "algorithm": algorithm,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    settings = load_settings(data_dir=data_dir, admin_key=admin_key)
    path = f"/v1/ride-code-issuers/{issuer_id}/rotate"
    answer = _register(settings, path, body, public_key, new_key)
    _tell(answer, f"{issuer_id}: the key {key_id} is registered beside those before", as_json)


@app.command("retire")
def retire(
    issuer_id: str,
    key_id: KeyId,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit.")],
    valid_to: Annotated[
        str | None, typer.Option("--at", help="First instant that no longer counts (default: now).")
    ] = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """End a key: codes issued from then on no longer count. A stolen key may end in the past."""
    from api.cli.operator import open_operator
    from api.settings import load_settings

    body = {"key_id": key_id, "reason": reason, "valid_to": valid_to}
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        answer = operator.call("POST", f"/v1/ride-code-issuers/{issuer_id}/retire", body)
    ends = {key["key_id"]: key["valid_to"] for key in answer["keys"]}
    _tell(answer, f"{issuer_id}: the key {key_id} ends at {ends[key_id]}", as_json)


def _register(
    settings: Any, path: str, body: dict[str, Any], public_key: str | None, new_key: Path | None
) -> Any:
    """Send a key: the one given, or that of a pair made here; its file stays only if it worked."""
    from api.cli.operator import open_operator
    from fare_engine.documents import encode_key
    from gates.media.issuing import generate_private_key, public_bytes

    if (public_key is None) == (new_key is None):
        raise typer.BadParameter("give one of --public-key and --new-key")
    with open_operator(settings) as operator:
        if new_key is None:
            return operator.call(
                "POST", path, body | {"public_key": _read_public(public_key or "")}
            )
        private_key = generate_private_key()
        _write_private(new_key, private_key)
        try:
            encoded = encode_key(public_bytes(private_key))
            return operator.call("POST", path, body | {"public_key": encoded})
        except BaseException:
            new_key.unlink()
            raise


def _read_public(text: str) -> str:
    from fare_engine.documents import encode_key
    from fare_engine.errors import FileInvalid
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
    import os

    from fare_engine.errors import FileInvalid
    from gates.media.issuing import to_pem

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(to_pem(private_key))
        file.flush()
        os.fsync(file.fileno())


def _tell(answer: Any, line: str, as_json: bool) -> None:
    from api.cli.output import print_json

    if as_json:
        print_json(answer)
    else:
        print(line)
