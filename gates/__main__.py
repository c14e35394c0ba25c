"""`python -m gates`: the controller of one station's lanes, and its operator's commands.

Secrets come from a file or from the environment, never from the command line. Exit status 0: done,
1: failed, 2: wrong usage.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console

from fare_engine.modes import MODES_BY_CODE
from gates.errors import GatesError, WrongUsage
from gates.keyboard import Keyboard
from gates.lines import run_lines
from gates.outbox import Outbox
from gates.station import Station, StationSettings, open_station
from gates.station_file import FILE_NAME, StationFile
from gates.station_parameters import StationParameters
from gates.times import format_ms, now_ms

GATE_KEY_VARIABLE: Final = "FARE_GATE_KEY"
TOKEN_KEY_VARIABLE: Final = "FARE_TOKEN_KEY"
LISTED_MAX: Final = 1_000

app = typer.Typer(
    name="gates",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The controller of one station's lanes; without a command it runs.",
)

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="FARE_GATES_DATA_DIR", help="outbox and parameters"),
]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(envvar="FARE_STATION")] = None,
    controller: Annotated[
        str | None,
        typer.Option(envvar="FARE_CONTROLLER", help="its id at the engine; default: STATION-1"),
    ] = None,
    engine: Annotated[
        str, typer.Option(envvar="FARE_ENGINE_URL", help="the engine's address")
    ] = "http://127.0.0.1:8000",
    key_file: Annotated[
        Path | None,
        typer.Option(envvar="FARE_GATE_KEY_FILE", help=f"the gate key; or {GATE_KEY_VARIABLE}"),
    ] = None,
    token_key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="FARE_TOKEN_KEY_FILE",
            help=f"the engine's token key, hexadecimal; or {TOKEN_KEY_VARIABLE}",
        ),
    ] = None,
    data_dir: DataDir = Path("gate-data"),
    deadline_ms: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            envvar="FARE_DEADLINE_MS",
            help="how long a passenger waits for the engine",
        ),
    ] = 150,
) -> None:
    """Run a station's lanes: from the keyboard of a terminal, or from a script's lines."""
    if context.invoked_subcommand is not None:
        return
    if station is None:
        raise typer.BadParameter("name the station: --station or FARE_STATION")
    settings = StationSettings(
        station,
        controller or f"{station}-1",
        engine,
        data_dir,
        _read_secret(key_file, GATE_KEY_VARIABLE, "--key-file"),
        _read_token_key(token_key_file),
        deadline_ms / 1_000,
    )
    _log_to_stderr()
    asyncio.run(_run(settings))


@app.command("set-aside", hidden=True)  # its former name, which scripts may use
@app.command("quarantined")
def list_quarantined(data_dir: DataDir = Path("gate-data")) -> None:
    """List the taps and reports that the engine refused for good, and why."""
    with _open(data_dir) as file:
        for tap in Outbox(file).list_quarantined(LISTED_MAX):
            at = format_ms(tap.occurred_at_ms)
            print(f"{tap.tap_id}  {tap.what}  {tap.gate_id}  {at}  {tap.problem}")


@app.command("release")
def release(data_dir: DataDir = Path("gate-data")) -> None:
    """Send quarantined taps and reports again, once the cause is mended."""
    with _open(data_dir) as file:
        print(f"{Outbox(file).release()} will be sent again")


@app.command("mode")
def change_mode(
    action: Annotated[str, typer.Argument(help="start, or end")],
    mode: Annotated[str, typer.Argument(help=", ".join(MODES_BY_CODE))],
    station: Annotated[str, typer.Option(envvar="FARE_STATION")],
    reason: Annotated[str, typer.Option(help="why")] = "",
    data_dir: DataDir = Path("gate-data"),
) -> None:
    """Set a degraded mode at the station by hand, or end it."""
    with _open(data_dir) as file:
        parameters = StationParameters(file, station)
        if action == "start":
            parameters.start_mode(mode, now_ms(), reason)
        elif action == "end":
            parameters.end_mode(mode, now_ms())
        else:
            raise WrongUsage("the action is start or end")
        print(f"modes now: {', '.join(parameters.find_modes(now_ms()).codes) or 'none'}")


def main() -> int:
    """Run a command; a GatesError becomes one line on standard error."""
    try:
        app()
    except GatesError as error:
        print(f"gates: {error}", file=sys.stderr)
        return 2 if isinstance(error, WrongUsage) else 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _run(settings: StationSettings) -> None:
    async with open_station(settings) as station:
        lane = asyncio.create_task(_run_lane(station))
        try:
            await asyncio.wait({lane, station.task}, return_when=asyncio.FIRST_COMPLETED)
            if station.task.done():
                station.task.result()  # raises what broke
            lane.result()
        finally:
            lane.cancel()


async def _run_lane(station: Station) -> None:
    if sys.stdin.isatty():
        await Keyboard(station, Console()).run()
    else:
        await run_lines(station)


def _open(data_dir: Path) -> StationFile:
    if not (data_dir / FILE_NAME).is_file():
        raise WrongUsage(f"there is no controller in {data_dir}")
    return StationFile(data_dir)


def _read_secret(path: Path | None, variable: str, option: str) -> str:
    """A secret from its file or its variable; it is never shown or logged."""
    if path is not None:
        try:
            return path.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise WrongUsage(f"{option}: {path} cannot be read: {error}") from None
    value = os.environ.get(variable, "").strip()
    if not value:
        raise WrongUsage(f"a secret is missing: {option} or {variable}")
    return value


def _read_token_key(path: Path | None) -> bytes:
    try:
        return bytes.fromhex(_read_secret(path, TOKEN_KEY_VARIABLE, "--token-key-file"))
    except ValueError:
        raise WrongUsage("the token key must be hexadecimal digits") from None


def _log_to_stderr() -> None:
    """The log goes to standard error: standard output is the passenger's screen."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
