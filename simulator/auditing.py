"""Has the auditor look at a run: what was sent, what was answered, and what was published.

All taps of a passenger take one connection, on which requests are answered in their order
(`delivery/requests.py`). So the auditor gets each exchange whole, in the order of the answers:
of one token that is the order of its decisions too.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from simulator.auditor.auditor import Auditor as SecondOpinion
from simulator.auditor.log import audit_log
from simulator.auditor.verdict import Verdict
from simulator.delivery.exchanges import Audited, Auditor, Exchanges, RawExchange
from simulator.delivery.requests import BATCH_PATH, REPORT_END, TAPS_PATH
from simulator.load import Progress
from simulator.publications import describe_builtin_network, describe_world, fetch_published
from simulator.world.chengdu import WorldNetwork

PROGRESS_EVENTS: Final = 5_000
BLOCKED_SINCE: Final = "1970-01-01T00:00:00Z"
"""Media that a world blocks are blocked before its first tap."""

Document = dict[str, Any]
Event = tuple[str, Document]


def audit_world(world: WorldNetwork, progress: Progress, keep: Path | None = None) -> Auditor:
    """An auditor of a directory that was made for a world. `keep` names a file for what it sees."""
    published = describe_world(world)
    return lambda exchanges: audit(exchanges, published, lambda: published, progress, keep)


def audit_server(url: str, key: str, progress: Progress, keep: Path | None = None) -> Auditor:
    """An auditor of a server, made before anything is sent; the key is an admin's."""
    published = fetch_published(url, key)
    return lambda exchanges: audit(
        exchanges, published, lambda: fetch_published(url, key), progress, keep
    )


def audit(
    exchanges: Exchanges,
    published: Document,
    publish_again: Callable[[], Document],
    progress: Progress,
    keep: Path | None = None,
) -> Audited:
    """The audit of a run before which this was published, and after it that."""
    network = describe_builtin_network()
    known = {station_id for segment in network["segments"] for station_id in segment[:2]}
    unknown = {gate["station_id"] for gate in published["gates"]} - known
    by_distance = any(tariff["rules"]["bands"] for tariff in published["tariffs"])
    if unknown and by_distance:
        return Audited(
            True, f"nothing was looked at: how far it is to {min(unknown)} is not known here", []
        )
    blocked = [
        {"medium": medium, "blocked_at": BLOCKED_SINCE} for medium in sorted(exchanges.blocked)
    ]
    first, last = ({**document, "blocked": blocked} for document in (published, publish_again()))
    with _without_collections(), _keeping(keep) as keep_event:
        keep_event("begins", {"network": network, "published": first})
        auditor = SecondOpinion(network, first)
        for number, (name, arguments) in enumerate(_list_events(exchanges, first, last)):
            keep_event(name, arguments)
            getattr(auditor, name)(**arguments)
            if number % PROGRESS_EVENTS == 0:
                progress("audited", number // 2, exchanges.kept)
        audited = conclude(auditor.finish())
    if exchanges.kept < exchanges.count:
        only = f"of {exchanges.count:,} exchanges the first {exchanges.kept:,}: "
        audited = audited._replace(verdict=only + audited.verdict)
    return audited


def _list_events(exchanges: Exchanges, first: Document, last: Document) -> Iterator[Event]:
    """Methods of the auditor, with their arguments."""
    if last != first:  # published meanwhile: every tap may have read either
        yield "changing", {}
    for number, exchange in enumerate(exchanges.raw()):
        yield from _list_events_of(f"r{number}", exchange)
    if last != first:
        yield "changed", {"published": last}


def _list_events_of(request: str, exchange: RawExchange) -> Iterator[Event]:
    """One exchange. A tap of a batch was answered in its place there."""
    path, body, status, answer, sent_ms, received_ms = exchange
    document, text = msgspec.json.decode(body), answer.decode()
    sent = {"request": request, "at_ms": sent_ms}
    if path == BATCH_PATH:
        yield "batch_sent", {"taps": [document], **sent}
        text = f'{{"results":[{text}]}}' if status == 200 else text
    elif path == TAPS_PATH:
        yield "tap_sent", {"tap": document, **sent}
    else:
        tap_id = path.removeprefix(f"{TAPS_PATH}/").removesuffix(REPORT_END)
        yield "report_sent", {"tap_id": tap_id, "report": document, **sent}
    if status:
        got = {"status": status, "body": text, "at_ms": received_ms}
        yield "answered", {"request": request, **got}
    else:
        yield "unanswered", {"request": request}


@contextmanager
def _keeping(path: Path | None) -> Iterator[Callable[[str, Document], None]]:
    """What keeps events as `audit_file` reads them; without a file, nothing."""
    if path is None:
        yield lambda _name, _arguments: None
        return
    with path.open("wb") as log:

        def keep_event(name: str, arguments: Document) -> None:
            log.write(msgspec.json.encode({"event": name, **arguments}) + b"\n")

        yield keep_event


def audit_file(path: Path) -> Verdict:
    """The audit of a run that was kept as JSON lines; LogInvalid names the line that is wrong."""
    with path.open(encoding="utf-8") as lines, _without_collections():
        return audit_log(lines)


def conclude(verdict: Verdict) -> Audited:
    """A verdict as reports have it."""
    checked = verdict.checked
    decisions = checked["decisions checked"]
    counts = (
        f"{checked['taps sent']:,} taps, {decisions:,} decisions, "
        f"{checked['entries consumed']:,} entries consumed, {checked['taps waived']:,} waivers, "
        f"{checked['fen fare']:,} fen taken, {checked['fen fare_waived']:,} fen waived"
    )
    found = verdict.found.total()
    passed = verdict.is_clean and decisions > 0
    return Audited(
        passed,
        f"{counts}: {'nothing is wrong' if passed else f'{found:,} findings'}",
        [
            f"{finding.check}: {finding.message} ({', '.join(finding.tap_ids)})"
            for finding in verdict.findings
        ],
        dict(sorted(checked.items())),
        dict(sorted(verdict.found.items())),
    )


@contextmanager
def _without_collections() -> Iterator[None]:
    """Do without the garbage collector: an audit makes no cycles, and it would walk all of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
