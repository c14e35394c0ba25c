"""The command line: `fare-engine`. Exit status 0: done, 1: failed, 2: wrong usage.

A command imports what it needs when it runs, so that `--help` is quick.
"""

import sys

import typer

from api.cli import (
    adjustments,
    config,
    conflicts,
    gate_check,
    gates,
    issuers,
    keys,
    media,
    media_types,
    modes,
    policies,
    ride_codes,
    settle,
    setup,
    simulate,
    stations,
    tariffs,
)
from api.cli.replay import command as replay_command
from fare_engine.errors import FareEngineError

app = typer.Typer(
    name="fare-engine",
    help="Same-station crossing fare engine for metros.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
setup.register(app)
replay_command.register(app)
settle.register(app)
gate_check.register(app)
for group in (
    *(keys, stations, gates, media_types, policies, modes, tariffs, media),
    *(issuers, ride_codes, adjustments, conflicts, simulate, config),
):
    app.add_typer(group.app)


def main() -> None:
    """Run a command. A known error (FareEngineError) is printed in one line."""
    try:
        app()
    except FareEngineError as error:
        print(f"fare-engine: {error}", file=sys.stderr)
        sys.exit(1)
