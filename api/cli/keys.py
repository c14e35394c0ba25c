"""`keys`: make, list and revoke them."""

from typing import Annotated

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="keys", help="Keys of gates and operators.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose key it is.")],
    kind: Annotated[str, typer.Option(help="gate or admin.")] = "gate",
    station: Annotated[
        list[str] | None, typer.Option(help="A station the gate key speaks for; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is told this once and never again."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    if kind not in ("gate", "admin"):
        raise typer.BadParameter("must be gate or admin", param_hint="--kind")
    if (kind == "gate") != bool(station):
        raise typer.BadParameter(
            "a gate key needs at least one, an admin key takes none", param_hint="--station"
        )
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        made = operator.call(
            "POST", "/v1/keys", {"kind": kind, "name": name, "stations": station or None}
        )
    if as_json:
        print_json(made)
    else:
        print(f"{made['key_id']}  {made['key']}\n(told now and never again)")


@app.command("list")
def list_keys(data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False) -> None:
    """Every key ever made, without its secret."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        keys = operator.list_all("/v1/keys")
    if as_json:
        print_json(keys)
        return
    print_table(
        ("key", "kind", "name", "stations", "created", "revoked"),
        [
            (
                key["key_id"],
                key["kind"],
                key["name"],
                "all" if key["stations"] is None else " ".join(key["stations"]),
                key["created_at"],
                key["revoked_at"],
            )
            for key in keys
        ],
    )


@app.command("revoke")
def revoke(
    key_id: str, data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """Make a key useless for good, from now on."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        key = operator.call("DELETE", f"/v1/keys/{key_id}")
    if as_json:
        print_json(key)
    else:
        print(f"{key['key_id']} ({key['name']}) was revoked at {key['revoked_at']}")
