"""`config`: checks what the engine would start with, and accepts what it refuses to start with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.shared.options import DataDir, Json, Reason
from api.cli.shared.output import print_json

if TYPE_CHECKING:
    from fare_engine.ledger.place import LedgerPlace

app = typer.Typer(name="config", help="The configuration.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The configuration."""


@app.command("check")
def check(
    data_dir: DataDir = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the whole ledger: every page, row and index entry.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check settings, data directory, schema and catalogue. Exit status 1 on any fault."""
    from api.runtime.place import get_place
    from api.runtime.settings import list_unknown_variables, load_settings
    from fare_engine.errors import ConfigurationError

    faults: list[str] = []
    warnings = [f"{name}: no option reads this variable" for name in list_unknown_variables()]
    try:
        place = get_place(load_settings(data_dir=data_dir))
    except ConfigurationError as error:
        faults += str(error).splitlines()
    else:
        faults += _list_faults(place, warnings)
        if deep and not faults:
            faults += _list_deep_faults(place)
    if as_json:
        print_json({"ok": not faults, "faults": faults, "warnings": warnings})
    else:
        for warning in warnings:
            print(f"warning: {warning}")
        for fault in faults:
            print(f"fault: {fault}")
        if not faults:
            print("the configuration is good")
    if not deep:
        typer.echo(
            "not read: rows, pages and index entries between the ends of the tables; "
            "`config check --deep` reads them",
            err=True,
        )
    raise typer.Exit(1 if faults else 0)


@app.command("accept-loss")
def accept_loss(reason: Reason, data_dir: DataDir = None) -> None:
    """Go on with a ledger that lost taps which were acknowledged; recorded in the audit."""
    from api.runtime.place import get_place
    from api.runtime.service import now_ms
    from api.runtime.settings import load_settings
    from fare_engine import accepting

    place = get_place(load_settings(data_dir=data_dir)).open()
    with place.lock("config accept-loss"):
        print(f"accepted: {accepting.accept_loss(place, reason, now_ms())}")
    faults = [*_list_faults(place, []), *_list_deep_faults(place)]
    for fault in faults:
        print(f"fault: {fault}")
    if faults:
        print("what is left contradicts itself: restore a backup")
    raise typer.Exit(1 if faults else 0)


@app.command("accept-token-key")
def accept_token_key(reason: Reason, data_dir: DataDir = None) -> None:
    """Make token.key the key of the ledger, also where it is another one; recorded in the audit."""
    from api.runtime.place import get_place
    from api.runtime.service import now_ms
    from api.runtime.settings import load_settings
    from fare_engine import accepting

    place = get_place(load_settings(data_dir=data_dir)).open()
    with place.lock("config accept-token-key"):
        fingerprint = accepting.accept_token_key(place, reason, now_ms())
    print(f"accepted: the token key with the fingerprint {fingerprint}")


def _list_faults(place: "LedgerPlace", warnings: list[str]) -> Iterator[str]:
    """Faults of a ledger and its place, found quickly. A server may be running on it."""
    from api.runtime.service import now_ms
    from fare_engine.checking import check_clock, check_database
    from fare_engine.errors import FareEngineError
    from fare_engine.ledger.database import reading
    from fare_engine.ledger.stores.published import load_published
    from fare_engine.validation import id_pattern_faults, list_faults
    from fare_engine.versions import find_in_force

    try:
        place.open()
        warnings += place.list_warnings()
        place.read_token_key()
        place.check_storage(warnings)
        database = place.open_database()
        try:
            yield from check_database(place, database, warnings)
            with reading(database) as connection:
                published = load_published(connection)
                yield from check_clock(connection, now_ms())
        finally:
            database.dispose()
    except FareEngineError as error:
        yield str(error)
        return
    catalogue = published.catalogue
    for field, message in list_faults(catalogue, now_ms()):
        yield f"{field}: {message}"
    for field, message in id_pattern_faults(catalogue.network.media):
        warnings.append(f"{field}: {message}; no id fits it until it is corrected")
    if find_in_force(catalogue.tariffs, now_ms()) is None:
        yield "tariffs: none is in force now"
    if not published.keys:
        yield "keys: none is in force, so no tap can be sent"


def _list_deep_faults(place: "LedgerPlace") -> list[str]:
    """Faults of the whole ledger, with progress on standard error."""
    from api.cli.shared.progress import LongWork
    from fare_engine.checking import list_deep_faults
    from fare_engine.errors import FareEngineError

    with LongWork("reading the ledger") as work:

        def report(what: str, done: int, total: int | None) -> None:
            text = f"{what}: {done:,} of {total:,}" if total else what
            work.update(f"reading the ledger, {text}", done, total)

        try:
            return list_deep_faults(place, report)
        except FareEngineError as error:
            return [str(error)]
