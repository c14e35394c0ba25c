"""`init`, `serve` and `migrate`: create a data directory, serve it, migrate it."""

import gc
from typing import Annotated

import typer

from api.cli.shared.options import DataDir, Json
from api.cli.shared.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(initialise)
    app.command("serve")(serve)
    app.command("migrate")(migrate)


def initialise(
    data_dir: DataDir = None,
    network: Annotated[
        str | None,
        typer.Option(help="A built-in network, or a file (FARE_NETWORK)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a data directory: network, first tariff, pilot and two keys, which are shown once."""
    from api.runtime.place import get_place
    from api.runtime.service import now_ms
    from api.runtime.settings import load_settings
    from fare_engine import setup

    settings = load_settings(data_dir=data_dir, network=network)
    made = setup.initialise(get_place(settings), now_ms=now_ms(), network=settings.network)
    if as_json:
        print_json(made.document())
        return
    print(f"{settings.data_dir} is ready, with the network {made.network_id}.\n")
    for what, station in (("pilot", made.pilot), ("other station", made.other_station)):
        if station is not None:
            print(f"{what}: {station.station_id} (gates and exits are examples)")
            print_table(
                ("gate", "directions", "designated"),
                [
                    (gate.gate_id, ", ".join(gate.directions), gate.designated)
                    for gate in station.gates
                ],
            )
            print()
    print("Keys, shown once:")
    print(f"  gate key   {made.gate_key}")
    print(f"  admin key  {made.admin_key}\n")
    print(f"Next: fare-engine serve --data-dir {settings.data_dir}")


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at (FARE_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="0 takes any free port (FARE_PORT).")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that serve; several need a database (FARE_WORKERS)."),
    ] = None,
    _no_console: Annotated[
        bool, typer.Option("--no-console", help="Serve the API alone; there is no console yet.")
    ] = False,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    gc.disable()  # what is loaded stays; `api.runtime.gc_control` collects the rest when idle
    from api.runtime.core_dumps import forbid_core_dumps
    from api.runtime.settings import load_settings

    settings = load_settings(data_dir=data_dir, host=host, port=port, workers=workers)
    forbid_core_dumps()

    def announce(url: str, metrics_url: str | None = None) -> None:
        print(f"fare-engine serves {url} (documentation: {url}/docs)", flush=True)
        if metrics_url is not None:
            print(f"metrics of all workers: {metrics_url}/metrics", flush=True)

    if settings.workers == 1:
        from api.http import server

        status = server.serve(settings, announce)
    else:
        from api.http.workers.supervisor import supervise

        status = supervise(settings, announce)
    if status:
        typer.echo("fare-engine: the engine stopped after an error; see the log", err=True)
    raise typer.Exit(status)


def migrate(data_dir: DataDir = None) -> None:
    """Migrate the ledger of an older version to this version's schema. Make a backup first."""
    from api.runtime.place import get_place
    from api.runtime.settings import load_settings
    from fare_engine.ledger import database
    from fare_engine.opening import check_contents

    place = get_place(load_settings(data_dir=data_dir)).open()
    with place.lock("migrate"):
        place.check_whole()
        engine = place.open_database()
        try:
            before = database.find_revision(engine)
            database.migrate(engine)
            after = database.find_revision(engine)
            check_contents(place, engine)
        finally:
            engine.dispose()
    print(f"schema {after}: " + ("nothing to do" if before == after else f"was {before}"))
