"""`tariffs`: list, show and publish the fare rules."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.options import AdminKeyFile, DataDir
from api.cli.shared.output import as_table
from fare_engine.errors import FileInvalid

app = typer.Typer(name="tariffs", help="The fare rules of the network.", no_args_is_help=True)


@operator_command(app, "list")
def list_tariffs() -> Question:
    """List all versions, oldest first."""
    print_tariffs = as_table(
        ("version", "from", "to", "same station", "note"),
        lambda tariff: (
            tariff["version"],
            tariff["effective_from"],
            tariff["effective_to"],
            f"{tariff['rules']['same_station_fare']} fen",
            tariff["rules"]["note"],
        ),
    )
    return list_all("/v1/tariffs", print_tariffs)


@app.command("show")
def show(version: int, data_dir: DataDir = None, admin_key_file: AdminKeyFile = None) -> None:
    """Show one version as JSON; with new dates, `publish` accepts it."""
    from api.cli.shared.operator import open_operator
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key_file=admin_key_file)) as operator:
        tariff = operator.call("GET", f"/v1/tariffs/{version}")
    dates = {name: tariff[name] for name in ("effective_from", "effective_to")}
    print(json.dumps(dates | tariff["rules"], ensure_ascii=False, indent=2))


@operator_command(app, "publish")
def publish(
    file: Annotated[Path, typer.Argument(help="A JSON file, as `show` prints it.")],
) -> Question:
    """Publish a new version. Versions are never edited; open journeys keep theirs."""

    def print_published(tariff: dict[str, Any]) -> None:
        print(f"tariff {tariff['version']} is in force from {tariff['effective_from']}")

    return call("POST", "/v1/tariffs", _read_json(file), print_published)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise FileInvalid(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FileInvalid(f"{file}: is not JSON in UTF-8: {error}") from error
