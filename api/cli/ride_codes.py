"""`ride-code`: issue, verify and draw ride codes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shared.options import AdminKeyFile, DataDir, Json
from api.cli.shared.output import print_json
from api.cli.shared.secrets import read_account

if TYPE_CHECKING:
    from api.cli.shared.operator import Operator
    from gates.media.faults import Fault
    from gates.media.ride_code import RideCode
    from gates.media.verifier import RideCodeVerifier

app = typer.Typer(
    name="ride-code", help="Ride codes: issue, verify and draw them.", no_args_is_help=True
)

Code = Annotated[
    str, typer.Argument(help="The code, or - to read it from standard input.", metavar="CODE")
]
At = Annotated[
    str | None, typer.Option(help="The instant, RFC 3339 with an offset (default: now).")
]


@app.command("issue")
def issue(
    account: Annotated[
        str, typer.Argument(help="The account, or - to read it from standard input.")
    ],
    issuer: Annotated[str, typer.Option(help="The issuer, as it is registered.")],
    key_id: Annotated[str, typer.Option(help="The id of the issuer's key.")],
    key: Annotated[Path, typer.Option(help="PEM file with the private key (Ed25519).")],
    companion: Annotated[
        int, typer.Option(min=0, max=9, help="The number of a companion on the account; 0: none.")
    ] = 0,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Issue a code for an account, as the server of a ride-code app does."""
    from gates.media.issuing import RideCodeIssuer
    from gates.media.ride_code import parse

    issuing = RideCodeIssuer(issuer, key_id, read_issuer_key(key))
    try:
        code = issuing.issue(read_account(account), _read_instant(at), companion=companion)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        print_json({"code": code, "code_id": parse(code).ride_code.code_id})
    else:
        print(code)


@app.command("verify")
def verify(
    code: Code,
    at: At = None,
    data_dir: DataDir = None,
    admin_key_file: AdminKeyFile = None,
    as_json: Json = False,
) -> None:
    """Show what a code says, and whether a gate would accept it. Exit status 1 if not.

    Reuse is not checked: only a tap shows whether a code was used before.
    """
    from api.cli.shared.operator import open_operator
    from api.runtime.settings import load_settings
    from gates.media.faults import RideCodeRefused

    text, at_ms = _read_code(code), _read_instant(at)
    with open_operator(load_settings(data_dir=data_dir, admin_key_file=admin_key_file)) as operator:
        verifier = _make_verifier(operator, at_ms)
    fault, ride_code = None, None
    try:
        ride_code = verifier.verify(text, at_ms)
    except RideCodeRefused as refused:
        fault, ride_code = refused.fault, refused.ride_code
    report = _report(ride_code, fault, at_ms)
    if as_json:
        print_json(report)
    else:
        for name, value in report.items():
            if value is not None:
                print(f"{name.replace('_', ' '):<12} {value}")
    raise typer.Exit(0 if fault is None else 1)


@app.command("show")
def show(
    code: Code,
    svg: Annotated[Path | None, typer.Option(help="Write it to this SVG file.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write it to this PNG file.")] = None,
) -> None:
    """Draw a code as a QR code on the terminal, or to files."""
    import segno

    from fare_engine.errors import FileInvalid
    from gates.media.faults import RideCodeRefused
    from gates.media.ride_code import parse

    text = _read_code(code)
    try:
        parse(text)
    except RideCodeRefused as refused:
        raise FileInvalid(f"not drawn: {refused}") from None
    picture = segno.make_qr(text, error="m")
    for path in (svg, png):
        if path is None:
            continue
        try:
            with path.open("wb") as file:
                picture.save(file, kind="svg" if path is svg else "png", scale=6)
        except OSError as error:
            raise FileInvalid(f"{path}: cannot be written: {error.strerror}") from error
    if svg is None and png is None:
        picture.terminal(compact=True)


def _report(ride_code: "RideCode | None", fault: "Fault | None", at_ms: int) -> dict[str, Any]:
    report: dict[str, Any] = {
        "taken": "yes" if fault is None else "no",
        "reason": None if fault is None else fault.reason.code,
        "fault": None if fault is None else fault.value,
        "why": None if fault is None else fault.description,
    }
    if ride_code is not None:
        from api.contract.times import format_ms

        report |= {
            "issuer": ride_code.issuer_id,
            "key": ride_code.key_id,
            "account": ride_code.account,
            "companion": ride_code.companion or None,
            "issued_at": format_ms(ride_code.issued_at_ms, "UTC"),
            "age_ms": at_ms - ride_code.issued_at_ms,
            "code_id": ride_code.code_id,
        }
    return report


def _make_verifier(operator: "Operator", at_ms: int) -> "RideCodeVerifier":
    """A verifier like a gate's: with the registered keys and the tariff in force at that time."""
    from api.contract.issuers import decode_key
    from api.contract.times import parse_rfc3339
    from fare_engine.errors import NoTariffInForce
    from fare_engine.issuer import IssuerKey
    from gates.media.verifier import RideCodeVerifier

    def instant(text: str | None) -> int | None:
        return None if text is None else parse_rfc3339(text)

    keys = [
        IssuerKey(
            issuer["issuer_id"],
            key["key_id"],
            key["algorithm"],
            decode_key(key["public_key"]),
            parse_rfc3339(key["valid_from"]),
            instant(key["valid_to"]),
        )
        for issuer in operator.list_all("/v1/ride-code-issuers")
        for key in issuer["keys"]
    ]
    begun = [
        tariff
        for tariff in operator.list_all("/v1/tariffs")
        if parse_rfc3339(tariff["effective_from"]) <= at_ms
    ]
    latest = max(
        begun, key=lambda it: (parse_rfc3339(it["effective_from"]), it["version"]), default=None
    )
    if latest is None or at_ms >= (instant(latest["effective_to"]) or at_ms + 1):
        raise NoTariffInForce("no tariff is in force then")
    rules = latest["rules"]
    return RideCodeVerifier(
        keys,
        validity_ms=round(rules["ride_code_validity_seconds"] * 1_000),
        tolerance_ms=round(rules["clock_skew_tolerance_seconds"] * 1_000),
    )


def _read_code(code: str) -> str:
    text = sys.stdin.read() if code == "-" else code
    return text.rstrip("\r\n")


def _read_instant(text: str | None) -> int:
    from api.contract.times import parse_rfc3339
    from api.runtime.service import now_ms

    if text is None:
        return now_ms()
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None


def read_issuer_key(path: Path) -> Any:
    """The private key of an issuer in a PEM file; FileInvalid when it holds none."""
    from fare_engine.errors import FileInvalid
    from gates.media.faults import KeyUnusable
    from gates.media.issuing import read_private_key

    try:
        return read_private_key(path.read_bytes())
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except KeyUnusable as error:
        raise FileInvalid(f"{path}: {error}") from error
