"""`simulate`: a simulated network's passengers against an engine, and whether it was right."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import AdminKey, Json
from api.cli.output import print_json
from simulator.deterministic import SEED_TAPS_MAX

if TYPE_CHECKING:
    from simulator.delivery.requests import Controllers
    from simulator.load import Progress

app = typer.Typer(
    name="simulate", help="Simulated passengers against an engine.", no_args_is_help=True
)

Url = Annotated[
    str | None,
    typer.Option(
        help="A server, which keeps the taps; FARE_ADMIN_KEY opens it. Else one of its own.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed, the same taps.")]
Audit = Annotated[
    bool,
    typer.Option(help="Have the auditor decide every tap again, by an implementation of its own."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        help="Keep what the auditor sees as JSON lines, for `simulate audit`.", show_default=False
    ),
]
Html = Annotated[
    Path | None, typer.Option(help="Write the report as one HTML file too.", show_default=False)
]


@app.command()
def load(
    url: Url = None,
    admin_key: AdminKey = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Taps a second, arriving at random; else they come by the day's curve.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long it takes.")] = 30.0,
    taps: Annotated[
        int, typer.Option(min=10, help="Taps of the day that is squeezed in, without --rate.")
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
            min=0, help="Seconds that do not count, else a tenth of all.", show_default=False
        ),
    ] = None,
    seed: Seed = 42,
    audit: Audit = True,
    keep: Keep = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Send taps when they are due, whether answers come or not, and time the answers from then.

    The report tells the rate held, latencies, errors, each answer that was not as it must be, and
    what the auditor found; then the exit status is 1.
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
        raise typer.BadParameter("nothing would be left to count", param_hint="--warm-up")
    controllers = _make_controllers(connections, batch, batch_share)
    wanted = Load(seed, count, seconds, rate is None, warm_up, controllers)
    with _watching() as progress, open_target(url, _find_key(url, admin_key)) as target:
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
    admin_key: AdminKey = None,
    audit: Audit = True,
    keep: Keep = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """A whole day of a network, faster than real time, with every answer held to its intention.

    Decided in this process over a scratch ledger, or sent in batches to the server at --url.
    """
    from contextlib import nullcontext

    from simulator.auditing import audit_server, audit_world
    from simulator.day import run_day
    from simulator.target import open_target
    from simulator.world.chengdu import make_network

    _check_keep(audit, keep)
    where = open_target(url, _find_key(url, admin_key)) if url else nullcontext()
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
    seeds: Annotated[int, typer.Option(min=1, help="How many small worlds are played.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="The first seed; others follow it.")] = 0,
    taps: Annotated[
        int, typer.Option(min=4, max=2_000, help="About so many taps a seed.")
    ] = SEED_TAPS_MAX,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that play.")] = 1,
    as_json: Json = False,
) -> None:
    """Real gates and the real engine over virtual time, while everything that can fail does.

    Messages get lost, gates reboot, the engine is killed between any two steps; then all heals, and
    the auditor judges. A seed that fails is shrunk and told, and the exit status is 1.
    """
    from simulator.deterministic.check import Check

    checked = Check(first, taps)
    with _watching() as progress:
        checked.run(seeds, progress, workers=workers)
    _end(checked.document(), "\n".join(checked.lines()), not checked.failed, as_json)


@app.command()
def audit(
    log: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="What was sent, answered, published."),
    ],
    as_json: Json = False,
) -> None:
    """Have the auditor look at a run that was kept, as JSON lines (docs/auditor.md).

    The exit status is 1 when it finds something, or when there was nothing to look at.
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
    kills: Annotated[int, typer.Option(min=1, help="How often the server is cut off.")] = 100,
    seed: Seed = 42,
    as_json: Json = False,
) -> None:
    """Cut a server off under load, again and again: it must lose nothing and charge nothing twice.

    The server has a scratch directory, which is kept when something was found: its data, its log,
    and all that crossed the network. Then the exit status is 1.
    """
    from simulator.blackbox.deployments import Embedded, running
    from simulator.blackbox.kills import KILLS_MAX, run_kills
    from simulator.blackbox.report import tell
    from simulator.blackbox.scratch import open_scratch

    if kills > KILLS_MAX:
        raise typer.BadParameter(f"at most {KILLS_MAX:,}", param_hint="--kills")
    with _watching() as progress, open_scratch() as scratch:
        with running(Embedded(scratch.path)) as deployment:
            report = run_kills(kills, seed, deployment, scratch.path, _command(), progress)
        scratch.is_kept = not report["passed"]
    _end(report, tell(report), report["passed"], as_json)


def _check_keep(audit: bool, keep: Path | None) -> None:
    if keep is not None and not audit:
        raise typer.BadParameter("nobody looks with --no-audit", param_hint="--keep")


def _make_controllers(connections: int, batch: int, batch_share: float) -> "Controllers":
    from simulator.delivery.requests import Controllers

    batch_connections = round(connections * batch_share) if batch > 1 else 0
    return Controllers(connections, batch, batch_connections)


def _find_key(url: str | None, admin_key: str | None) -> str | None:
    """The key for a server of somebody's: it must speak for all gates, as an admin's does."""
    from api.settings import load_settings
    from fare_engine.errors import ConfigurationError

    if url is None:
        return None
    key = load_settings(admin_key=admin_key).admin_key
    if key is None:
        raise ConfigurationError(f"an admin key is needed for {url}: set FARE_ADMIN_KEY")
    return key.get_secret_value()


@contextmanager
def _watching() -> Iterator["Progress"]:
    """Progress for whoever looks on, and errors of the simulation told as those of commands."""
    from api.cli.progress import LongWork
    from fare_engine.errors import ConfigurationError
    from simulator.serving import NotServed
    from simulator.world.world import TooManyTaps

    with LongWork("starting") as work:

        def tell(what: str, done: int, total: int) -> None:
            work.update(f"{what}: {done:,} of {total:,}", done, total)

        try:
            yield tell
        except (NotServed, TooManyTaps, OSError) as error:
            raise ConfigurationError(f"simulate: {error}") from error


def _command() -> str:
    """The command as it was given, but for a key."""
    told, hidden = ["fare-engine"], False
    for argument in sys.argv[1:]:
        name, equals, _ = argument.partition("=")
        is_key = name == "--admin-key"
        told.append("…" if hidden else f"{name}=…" if is_key and equals else argument)
        hidden = is_key and not equals
    return " ".join(told)


def _finish(report: dict[str, Any], html: Path | None, as_json: bool) -> None:
    from simulator.report.page import make_page
    from simulator.report.text import tell

    if html is not None:
        html.write_text(make_page(report), encoding="utf-8")
    _end(report, tell(report), report["passed"], as_json)


def _end(document: Any, text: str, passed: bool, as_json: bool) -> None:
    """Print what a run came to; the exit status is 1 when it did not pass."""
    if as_json:
        print_json(document)
    else:
        print(text)
    if not passed:
        raise typer.Exit(1)
