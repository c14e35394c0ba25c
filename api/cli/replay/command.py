"""`replay`: decide a file of recorded taps and report the results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.shared.options import DataDir, Json
from api.cli.shared.output import print_json

if TYPE_CHECKING:
    from fare_engine.interchange.formats import TapFile
    from fare_engine.replay.figures import Figures
    from fare_engine.replay.run import Watch


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV (also in gzip) or Parquet; - for standard input.", show_default=False
        ),
    ],
    form: Annotated[
        Literal["own", "shenzhen"] | None,
        typer.Option(
            "--format", help="The format of the file (default: found by its column names)."
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file with the meaning of columns, stations, gates and directions."
        ),
    ] = None,
    pilot: Annotated[
        Literal["configured", "all", "none"],
        typer.Option(
            help="Waive crossings at the stations of the catalogue that have a policy, at all "
            "stations of the file (all gates designated), or at none."
        ),
    ] = "configured",
    window_seconds: Annotated[
        int | None, typer.Option(min=1, help="A window instead of the policies' own.")
    ] = None,
    into_ledger: Annotated[
        bool,
        typer.Option(
            "--into-ledger",
            help="Store the taps in the data directory for good, decided by its catalogue.",
        ),
    ] = False,
    data_dir: DataDir = None,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Write every row that was skipped, with the reason, to this CSV file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide a file of recorded taps in a scratch ledger, which is deleted afterwards.

    The catalogue is that of --data-dir if given, else the built-in network. Gates that stand only
    in the file are added to it.
    """
    from api.cli.replay.progress import ReplayProgress
    from api.cli.replay.report import print_report, write_skipped
    from fare_engine.interchange.formats import open_tap_file
    from fare_engine.interchange.mapping import NO_MAPPING, read_mapping
    from fare_engine.interchange.rows import SkipReason
    from fare_engine.replay.run import Watch

    _check_usage(file, pilot, window_seconds, into_ledger, rejected)
    meanings = read_mapping(mapping) if mapping else NO_MAPPING
    with (
        open_tap_file(file, format_name=form, mapping=meanings) as taps,
        write_skipped(rejected) as on_skipped,
        ReplayProgress() as progress,
    ):
        watch = Watch(progress.show, on_skipped)
        if into_ledger:
            figures = _replay_into_ledger(taps, data_dir, watch)
        else:
            window_ms = window_seconds * 1_000 if window_seconds else None
            figures = _replay_in_scratch(taps, data_dir, pilot, window_ms, watch)
    if as_json:
        print_json(figures.document())
    else:
        print_report(figures)
    if not figures.rows:
        typer.echo(f"fare-engine: {file}: has a header and no rows", err=True)
    elif figures.skipped[SkipReason.MALFORMED] == figures.rows:
        typer.echo(f"fare-engine: {file}: no row of it is a tap", err=True)
        raise typer.Exit(1)


def _check_usage(
    file: Path,
    pilot: str,
    window_seconds: int | None,
    into_ledger: bool,
    rejected: Path | None,
) -> None:
    if into_ledger and (pilot != "configured" or window_seconds is not None):
        raise typer.BadParameter(
            "a ledger uses its own policies: --pilot and --window-seconds are not allowed",
            param_hint="--into-ledger",
        )
    if pilot == "none" and window_seconds is not None:
        raise typer.BadParameter(
            "--window-seconds has no effect with --pilot none", param_hint="--pilot"
        )
    if rejected is not None and rejected.exists() and file.exists() and rejected.samefile(file):
        raise typer.BadParameter("must not be the file that is read", param_hint="--rejected")


def _replay_in_scratch(
    taps: "TapFile", data_dir: Path | None, pilot: str, window_ms: int | None, watch: "Watch"
) -> "Figures":
    import secrets

    from api.runtime.place import get_place
    from api.runtime.service import now_ms
    from api.runtime.settings import load_settings
    from fare_engine.opening import read_published
    from fare_engine.replay.pilot import Pilot
    from fare_engine.replay.run import replay_in_scratch
    from gates.media import KEY_BYTES_MIN, TokenMaker

    # Only where it is named: a file is not to be decided otherwise because of where one stands.
    base = None
    if data_dir is not None:
        base = read_published(get_place(load_settings(data_dir=data_dir)).open()).catalogue
    # A key of this run alone: nobody can find a card again in what it leaves behind.
    make_token = TokenMaker(secrets.token_bytes(KEY_BYTES_MIN)).token
    return replay_in_scratch(
        taps,
        make_token,
        now_ms=now_ms(),
        base=base,
        pilot=Pilot(pilot),
        window_ms=window_ms,
        watch=watch,
    )


def _replay_into_ledger(taps: "TapFile", data_dir: Path | None, watch: "Watch") -> "Figures":
    from api.runtime.place import get_place
    from api.runtime.service import now_ms
    from api.runtime.settings import load_settings
    from fare_engine.replay.run import replay_into_ledger
    from gates.media import TokenMaker

    place = get_place(load_settings(data_dir=data_dir)).open()
    make_token = TokenMaker(place.read_token_key()).token
    return replay_into_ledger(place, taps, make_token, now_ms=now_ms(), watch=watch)
