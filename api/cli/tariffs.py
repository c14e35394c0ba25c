"""`tariffs`: list, show and publish the fare rules."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="tariffs", help="The fare rules of the network.", no_args_is_help=True)


@app.command("list")
def list_tariffs(
    data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All versions, oldest first."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        tariffs = operator.list_all("/v1/tariffs")
    if as_json:
        print_json(tariffs)
        return
    print_table(
        ("version", "from", "to", "same station", "note"),
        [
            (
                tariff["version"],
                tariff["effective_from"],
                tariff["effective_to"],
                f"{tariff['rules']['same_station_fare']} fen",
                tariff["rules"]["note"],
            )
            for tariff in tariffs
        ],
    )


@app.command("show")
def show(version: int, data_dir: DataDir = None, admin_key: AdminKey = None) -> None:
    """One version, as JSON that `publish` takes once its dates are set."""
    import json

    from api.cli.operator import open_operator
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        tariff = operator.call("GET", f"/v1/tariffs/{version}")
    dates = {name: tariff[name] for name in ("effective_from", "effective_to")}
    print(json.dumps(dates | tariff["rules"], ensure_ascii=False, indent=2))


@app.command("publish")
def publish(
    file: Annotated[Path, typer.Argument(help="A JSON file, as `show` prints it.")],
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Publish a new version. Versions are never edited, and open journeys keep theirs."""
    import json

    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings
    from fare_engine.errors import FileInvalid

    try:
        draft = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise FileInvalid(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FileInvalid(f"{file}: is not JSON in UTF-8: {error}") from error
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        tariff = operator.call("POST", "/v1/tariffs", draft)
    if as_json:
        print_json(tariff)
    else:
        print(f"tariff {tariff['version']} is in force from {tariff['effective_from']}")
