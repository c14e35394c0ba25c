"""`keys`: create, list and revoke keys."""

from typing import Annotated

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.output import as_table

app = typer.Typer(name="keys", help="Keys of gates and operators.", no_args_is_help=True)


@operator_command(app, "create")
def create(
    name: Annotated[
        str, typer.Option(help="A name for the key, for example the role or system that uses it.")
    ],
    kind: Annotated[str, typer.Option(help="gate or admin.")] = "gate",
    station: Annotated[
        list[str] | None, typer.Option(help="A station of a gate key; may be repeated.")
    ] = None,
) -> Question:
    """Create a key. It is shown once and cannot be shown again."""
    if kind not in ("gate", "admin"):
        raise typer.BadParameter("must be gate or admin", param_hint="--kind")
    if (kind == "gate") != bool(station):
        raise typer.BadParameter(
            "a gate key needs at least one, an admin key takes none", param_hint="--station"
        )
    return call(
        "POST",
        "/v1/keys",
        {"kind": kind, "name": name, "stations": station or None},
        lambda key: print(f"{key['key_id']}  {key['key']}\n(shown once)"),
    )


@operator_command(app, "list")
def list_keys() -> Question:
    """List all keys ever created, without their secrets."""
    print_keys = as_table(
        ("key", "kind", "name", "stations", "created", "revoked"),
        lambda key: (
            key["key_id"],
            key["kind"],
            key["name"],
            "all" if key["stations"] is None else " ".join(key["stations"]),
            key["created_at"],
            key["revoked_at"],
        ),
    )
    return list_all("/v1/keys", print_keys)


@operator_command(app, "revoke")
def revoke(key_id: str) -> Question:
    """Revoke a key for good, from now on."""
    return call(
        "DELETE",
        f"/v1/keys/{key_id}",
        None,
        lambda key: print(f"{key['key_id']} ({key['name']}) was revoked at {key['revoked_at']}"),
    )
