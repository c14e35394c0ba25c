"""Has the auditor look at a run: what was sent, what was answered, and what was published.

All taps of a passenger take one connection, on which requests are answered in their order
(`delivery/requests.py`). So the auditor is told each exchange whole, in the order of the answers:
of one token that is the order of its decisions too.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from simulator.auditor.auditor import Auditor as SecondOpinion
from simulator.auditor.verdict import Verdict
from simulator.delivery.exchanges import Audited, Auditor, Exchanges, RawExchange
from simulator.delivery.requests import BATCH_PATH, REPORT_END, TAPS_PATH
from simulator.load import Progress
from simulator.publications import fetch_published, tell_network, tell_world
from simulator.world.chengdu import WorldNetwork

PROGRESS_EXCHANGES: Final = 2_000
BLOCKED_SINCE: Final = "1970-01-01T00:00:00Z"
"""Media that a world blocks are blocked before its first tap."""

Document = dict[str, Any]


def audit_world(world: WorldNetwork, progress: Progress) -> Auditor:
    """An auditor of a directory that was made for a world."""
    published = tell_world(world)
    return lambda exchanges: audit(exchanges, published, lambda: published, progress)


def audit_server(url: str, key: str, progress: Progress) -> Auditor:
    """An auditor of a server, made before anything is sent; the key is an admin's."""
    published = fetch_published(url, key)
    return lambda exchanges: audit(
        exchanges, published, lambda: fetch_published(url, key), progress
    )


def audit(
    exchanges: Exchanges,
    published: Document,
    publish_again: Callable[[], Document],
    progress: Progress,
) -> Audited:
    """The audit of a run before which this was published, and after it that."""
    network = tell_network()
    known = {station_id for segment in network["segments"] for station_id in segment[:2]}
    strange = {gate["station_id"] for gate in published["gates"]} - known
    if strange:
        return Audited(
            True, f"nothing was looked at: how far it is to {min(strange)} is not known here", []
        )
    blocked = [
        {"medium": medium, "blocked_at": BLOCKED_SINCE} for medium in sorted(exchanges.blocked)
    ]
    with _without_collections():
        auditor = SecondOpinion(network, published | {"blocked": blocked})
        published_now = publish_again()
        if published_now != published:  # meanwhile: every tap may have read either
            auditor.changing()
        for number, exchange in enumerate(exchanges.raw()):
            _tell(auditor, str(number), exchange)
            if number % PROGRESS_EXCHANGES == 0:
                progress("audited", number, exchanges.kept)
        if published_now != published:
            auditor.changed(published_now | {"blocked": blocked})
        return _conclude(auditor.finish(), exchanges)


def _tell(auditor: SecondOpinion, request: str, exchange: RawExchange) -> None:
    """One exchange. A tap of a batch was answered in its place there."""
    path, body, status, answer, sent_ms, received_ms = exchange
    document, text = msgspec.json.decode(body), answer.decode()
    if path == BATCH_PATH:
        auditor.batch_sent(request, [document], sent_ms)
        text = f'{{"results":[{text}]}}' if status == 200 else text
    elif path == TAPS_PATH:
        auditor.tap_sent(request, document, sent_ms)
    else:
        tap_id = path.removeprefix(f"{TAPS_PATH}/").removesuffix(REPORT_END)
        auditor.report_sent(request, tap_id, document, sent_ms)
    if status:
        auditor.answered(request, status, text, received_ms)
    else:
        auditor.unanswered(request)


def _conclude(verdict: Verdict, exchanges: Exchanges) -> Audited:
    checked = verdict.checked
    decisions = checked["decisions checked"]
    told = (
        f"{checked['taps sent']:,} taps, {decisions:,} decisions, "
        f"{checked['entries consumed']:,} entries consumed, {checked['taps waived']:,} waivers, "
        f"{checked['fen fare']:,} fen taken, {checked['fen fare_waived']:,} fen waived"
    )
    if exchanges.kept < exchanges.count:
        told += f", in the first {exchanges.kept:,} of {exchanges.count:,} exchanges"
    found = verdict.found.total()
    passed = verdict.is_clean and decisions > 0
    return Audited(
        passed,
        f"{told}: {'nothing is wrong' if passed else f'{found:,} findings'}",
        [
            f"{finding.check}: {finding.told} ({', '.join(finding.tap_ids)})"
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
