"""`config check`: reports every problem that keeps the engine from serving, in one run."""

from collections.abc import Iterator
from pathlib import Path

import typer

from api.cli.options import DataDir, Json
from api.cli.output import print_json

app = typer.Typer(name="config", help="The configuration.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The configuration."""


@app.command("check")
def check(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Check settings, data directory, schema and catalogue. Exit status 1 on any fault."""
    from api.runtime.settings import list_unknown_variables, load_settings
    from fare_engine.errors import ConfigurationError

    faults: list[str] = []
    warnings = [f"{name}: no option reads this variable" for name in list_unknown_variables()]
    try:
        settings = load_settings(data_dir=data_dir)
    except ConfigurationError as error:
        faults += str(error).splitlines()
    else:
        faults += _list_directory_faults(settings.data_dir, warnings)
    if as_json:
        print_json({"ok": not faults, "faults": faults, "warnings": warnings})
    else:
        for warning in warnings:
            print(f"warning: {warning}")
        for fault in faults:
            print(f"fault: {fault}")
        if not faults:
            print("the configuration is good")
    raise typer.Exit(1 if faults else 0)


def _list_directory_faults(path: Path, warnings: list[str]) -> Iterator[str]:
    """Faults of a data directory. A server may be running on it: nothing is locked or written."""
    from api.runtime.service import now_ms
    from fare_engine.errors import FareEngineError
    from fare_engine.ledger.database import check_schema, open_database, reading
    from fare_engine.ledger.sqlite.data_directory import DataDirectory
    from fare_engine.ledger.stores.catalogue import load_catalogue
    from fare_engine.ledger.stores.keys import load_keys
    from fare_engine.validation import id_pattern_faults, list_faults
    from fare_engine.versions import find_in_force

    try:
        directory = DataDirectory(path).open()
        directory.read_token_key()
        database = open_database(directory.ledger_path)
        try:
            check_schema(database)
            with reading(database) as connection:
                catalogue = load_catalogue(connection)
                keys = load_keys(connection)
        finally:
            database.dispose()
    except FareEngineError as error:
        yield str(error)
        return
    for field, message in list_faults(catalogue, now_ms()):
        yield f"{field}: {message}"
    for field, message in id_pattern_faults(catalogue.network.media):
        warnings.append(f"{field}: {message}; no id fits it until it is corrected")
    if find_in_force(catalogue.tariffs, now_ms()) is None:
        yield "tariffs: none is in force now"
    if not keys:
        yield "keys: none is in force, so no tap can be sent"
