"""`simulate`: play simulated passengers against an engine, and check its answers."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.shared.options import AdminKeyFile, Json
from api.cli.shared.output import print_json
from simulator.deterministic import SEED_TAPS_MAX

if TYPE_CHECKING:
    from simulator.blackbox.deployments import Deployment
    from simulator.delivery.requests import Controllers
    from simulator.load import Progress

app = typer.Typer(
    name="simulate", help="Simulated passengers against an engine.", no_args_is_help=True
)

Url = Annotated[
    str | None,
    typer.Option(
        help="A running server, which keeps the taps; needs FARE_ADMIN_KEY (default: a new one).",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same taps.")]
Audit = Annotated[
    bool,
    typer.Option(
        help="Let the auditor decide every tap again, by its own implementation of the rules."
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        help="Write what the auditor reads to this file (JSON lines), for `simulate audit`.",
        show_default=False,
    ),
]
Html = Annotated[
    Path | None, typer.Option(help="Also write the report as one HTML file.", show_default=False)
]


@app.command()
def load(
    url: Url = None,
    admin_key_file: AdminKeyFile = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Taps a second, arriving at random (default: by the curve of a day).",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the run.")] = 30.0,
    taps: Annotated[
        int,
        typer.Option(
            min=10, help="Without --rate: taps of the whole day that is compressed into the run."
        ),
    ] = 15_000,
    batch: Annotated[int, typer.Option(min=1, help="Taps of a batch; 1 sends single taps.")] = 1,
    batch_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the connections that send batches."),
    ] = 1.0,
    connections: Annotated[int, typer.Option(min=1, max=1_000)] = 64,
    warm_up: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds at the start that do not count (default: a tenth of all).",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 42,
    audit: Audit = True,
    keep: Keep = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Send taps when they are due, without waiting for answers, and time answers from then.

    Reports the rate reached, latencies, errors, wrong answers and findings of the auditor. Exit
    status 1 if there is a wrong answer or a finding.
    """
    from simulator.auditing import audit_server
    from simulator.delivery.requests import BATCH_MAX
    from simulator.load import TAPS_MAX, Load, run_load
    from simulator.target import open_target

    _check_keep(audit, keep)
    if batch > BATCH_MAX:
        raise typer.BadParameter(f"at most {BATCH_MAX:,}", param_hint="--batch")
    count = taps if rate is None else max(10, round(rate * seconds))
    if count > TAPS_MAX:
        raise typer.BadParameter(f"{count:,} taps are more than {TAPS_MAX:,}", param_hint="--rate")
    if warm_up is None:
        warm_up = seconds / 10
    if warm_up >= seconds:
        raise typer.BadParameter("must be shorter than --seconds", param_hint="--warm-up")
    controllers = _make_controllers(connections, batch, batch_share)
    wanted = Load(seed, count, seconds, rate is None, warm_up, controllers)
    with _watching() as progress, open_target(url, _find_key(url, admin_key_file)) as target:
        auditor = audit_server(target.url, target.key, progress, keep) if audit else None
        report = run_load(wanted, target, _command(), progress, auditor)
    _finish(report, html, as_json)


@app.command()
def day(
    seed: Seed = 42,
    scale: Annotated[
        float, typer.Option(min=0.0001, max=4, help="1: as many passengers as Chengdu has.")
    ] = 0.01,
    url: Url = None,
    admin_key_file: AdminKeyFile = None,
    audit: Audit = True,
    keep: Keep = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Play a whole day of a network, faster than real time, and check every answer.

    Decides in this process over a scratch ledger, or sends batches to the server at --url.
    """
    from contextlib import nullcontext

    from simulator.auditing import audit_server, audit_world
    from simulator.day import run_day
    from simulator.target import open_target
    from simulator.world.chengdu import make_network

    _check_keep(audit, keep)
    where = open_target(url, _find_key(url, admin_key_file)) if url else nullcontext()
    with _watching() as progress, where as target:
        auditor = None
        if audit and target is not None:
            auditor = audit_server(target.url, target.key, progress, keep)
        elif audit:
            auditor = audit_world(make_network(), progress, keep)
        report = run_day(seed, scale, target, _command(), progress, auditor)
    _finish(report, html, as_json)


@app.command()
def check(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to play.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    taps: Annotated[
        int, typer.Option(min=4, max=2_000, help="About how many taps a seed has.")
    ] = SEED_TAPS_MAX,
    engines: Annotated[
        int,
        typer.Option(
            min=1, max=8, help="Engines that share one ledger and one cache (one: embedded)."
        ),
    ] = 1,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes.")] = 1,
    as_json: Json = False,
) -> None:
    """Play real gates and the real engine over virtual time, with faults from seeds.

    Messages get lost, gates reboot, engines are killed between any two steps; then all recovers
    and the auditor checks the run. A failing seed is shrunk and reported; exit status 1.
    """
    from simulator.deterministic.check import Check

    checked = Check(first, taps, engines)
    with _watching() as progress:
        checked.run(seeds, progress, workers=workers)
    _end(checked.document(), "\n".join(checked.lines()), not checked.failed, as_json)


@app.command()
def audit(
    log: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A file written by --keep."),
    ],
    as_json: Json = False,
) -> None:
    """Audit a run that was kept with --keep (docs/auditor.md).

    Exit status 1 if there is a finding, or nothing to check.
    """
    from fare_engine.errors import ConfigurationError
    from simulator.auditing import audit_file, conclude
    from simulator.auditor.log import LogInvalid

    try:
        verdict = audit_file(log)
    except (LogInvalid, UnicodeError) as error:
        raise ConfigurationError(f"{log}: {error}") from error
    audited = conclude(verdict)
    text = "\n".join([audited.verdict, *audited.findings])
    _end(verdict.to_document(), text, audited.passed, as_json)


@app.command()
def kills(
    kills: Annotated[int, typer.Option(min=1, help="How many kills and other faults.")] = 100,
    seed: Seed = 42,
    postgresql: Annotated[
        bool,
        typer.Option(
            "--postgresql", help="Workers over PostgreSQL with a standby, started for this run."
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=8, help="How many workers serve, with --postgresql.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Kill a server under load, again and again: it must lose nothing and charge nothing twice.

    With --postgresql also: workers pause, connections are cut in the middle of commits, PostgreSQL
    is killed, and its standby promoted. On a finding, the scratch directory is kept (data, log and
    network traffic); exit status 1.
    """
    from simulator.blackbox.kills import KILLS_MAX, run_kills
    from simulator.blackbox.report import format_report
    from simulator.blackbox.scratch import open_scratch

    if kills > KILLS_MAX:
        raise typer.BadParameter(f"at most {KILLS_MAX:,}", param_hint="--kills")
    with _watching() as progress, open_scratch() as scratch:
        with _deploy(scratch.path, workers if postgresql else None) as deployment:
            report = run_kills(kills, seed, deployment, scratch.path, _command(), progress)
        scratch.is_kept = not report["passed"]
    _end(report, format_report(report), report["passed"], as_json)


def _deploy(scratch: Path, workers: int | None) -> "AbstractContextManager[Deployment]":
    """What is killed: so many workers over PostgreSQL, or the embedded engine."""
    from simulator.blackbox.deployments import Embedded, running
    from simulator.blackbox.shared import running_shared

    return running(Embedded(scratch)) if workers is None else running_shared(scratch, workers)


def _check_keep(audit: bool, keep: Path | None) -> None:
    if keep is not None and not audit:
        raise typer.BadParameter("has no effect with --no-audit", param_hint="--keep")


def _make_controllers(connections: int, batch: int, batch_share: float) -> "Controllers":
    from simulator.delivery.requests import Controllers

    batch_connections = round(connections * batch_share) if batch > 1 else 0
    return Controllers(connections, batch, batch_connections)


def _find_key(url: str | None, admin_key_file: Path | None) -> str | None:
    """The admin key for the server at --url: taps of all gates are sent with it."""
    from api.runtime.settings import find_admin_key, load_settings
    from fare_engine.errors import ConfigurationError

    if url is None:
        return None
    key = find_admin_key(load_settings(admin_key_file=admin_key_file))
    if key is None:
        raise ConfigurationError(f"an admin key is needed for {url}: set FARE_ADMIN_KEY")
    return key


@contextmanager
def _watching() -> Iterator["Progress"]:
    """Progress on standard error, and errors of the simulation as errors of the command."""
    from api.cli.shared.progress import LongWork
    from fare_engine.errors import ConfigurationError
    from simulator.serving import NotServed
    from simulator.world.world import TooManyTaps

    with LongWork("starting") as work:

        def report(what: str, done: int, total: int) -> None:
            work.update(f"{what}: {done:,} of {total:,}", done, total)

        try:
            yield report
        except (NotServed, TooManyTaps, OSError) as error:
            raise ConfigurationError(f"simulate: {error}") from error


def _command() -> str:
    """The command line as it was given."""
    return shlex.join(["fare-engine", *sys.argv[1:]])


def _finish(report: dict[str, Any], html: Path | None, as_json: bool) -> None:
    from simulator.report.page import make_page
    from simulator.report.text import format_report

    if html is not None:
        html.write_text(make_page(report), encoding="utf-8")
    _end(report, format_report(report), report["passed"], as_json)


def _end(document: Any, text: str, passed: bool, as_json: bool) -> None:
    """Print the result of a run; exit status 1 if it did not pass."""
    if as_json:
        print_json(document)
    else:
        print(text)
    if not passed:
        raise typer.Exit(1)
