"""Health and metrics: for supervisors, balancers and Prometheus. They need no key."""

from collections.abc import Iterator
from functools import cache
from typing import Final, Literal

import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.responses import Response

from api.contract import problems
from api.contract.problems import Refused
from api.contract.taps import Answer
from api.http.auth import TheRuntime
from api.runtime.clocks import GateClocks
from api.runtime.connection_counts import ConnectionCounts
from api.runtime.logs import count_lines_left_out
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from fare_engine.decision import Reason
from fare_engine.ledger.database import get_head_revision
from fare_engine.versions import find_in_force

logger = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])

FAULTS_LISTED_MAX: Final = 3
_get_head_revision: Final = cache(get_head_revision)


class Alive(Answer):
    status: Literal["alive"] = "alive"


class Ready(Answer):
    """Ready: taps are answered rightly, and at once."""

    status: Literal["ready"] = "ready"
    database: str
    index: str
    configuration: str


@router.get("/livez")
async def livez() -> Alive:
    """Whether the process answers at all."""
    return Alive()


@router.get("/readyz")
async def readyz(runtime: TheRuntime) -> Ready:
    """Whether a tap would be answered now; 503 names what keeps it from that."""
    faults = await _list_failures(runtime)
    if faults:
        detail = "; ".join(f"{part}: {what}" for part, what in faults)
        logger.warning("not_ready", failures=dict(faults))
        raise Refused("not-ready", detail)
    return Ready(
        database=f"schema {_get_head_revision(runtime.database.dialect.name)}",
        index=runtime.ledger.describe_index(),
        configuration=f"{len(runtime.catalogue.network.gates)} gates",
    )


async def _list_failures(runtime: Runtime) -> list[tuple[str, str]]:
    failures = await runtime.readiness.list_failures()
    catalogue = runtime.catalogue
    faults = runtime.list_catalogue_faults()[:FAULTS_LISTED_MAX]
    failures += [("configuration", f"{field} {what}") for field, what in faults]
    if find_in_force(catalogue.tariffs, now_ms()) is None:
        failures.append(("configuration", "no tariff is in force"))
    return failures


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(runtime: TheRuntime) -> Response:
    """Counts and gauges of this process, for Prometheus."""
    return Response(render_metrics(runtime), media_type=CONTENT_TYPE_LATEST)


def render_metrics(runtime: Runtime) -> bytes:
    """All metrics as text; while the event loop stands still, in another thread."""
    registry = CollectorRegistry()
    registry.register(RuntimeCollector(runtime))
    return generate_latest(registry)


class RuntimeCollector(Collector):
    """Reads the figures where they are kept anyway: counting costs a tap nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """All metrics of this process."""
        service, ledger = self._runtime.service, self._runtime.ledger
        taps = CounterMetricFamily(
            "fare_taps",
            "Taps decided since the start, by outcome and reason",
            labels=["outcome", "reason"],
        )
        for (number, problem), count in sorted(service.counts.items(), key=str):
            reason = Reason(number)
            taps.add_metric([reason.outcome.code, problem or reason.code], count)
        yield taps
        refused = CounterMetricFamily(
            "fare_ride_codes_refused",
            "Ride codes that could not be verified, by what was wrong",
            labels=["fault"],
        )
        for fault, count in sorted(self._runtime.ride_codes.faults.items(), key=str):
            refused.add_metric([fault.value], count)
        yield refused
        answered = CounterMetricFamily(
            "fare_problems", "Requests answered with a problem, by its code", labels=["code"]
        )
        for code, count in sorted(problems.counts.items()):
            answered.add_metric([code], count)
        yield answered
        authentications = self._runtime.failed_authentications
        counters = {
            "fare_taps_replayed": ("Taps answered with their first decision", service.replayed),
            "fare_batches": ("Transactions of the ledger", service.batches),
            "fare_batches_failed": ("Transactions that were not confirmed", service.failed_batches),
            "fare_authentications_failed": (
                "Requests without a valid key, where one is needed",
                authentications.failed,
            ),
            "fare_authentications_limited": (
                "Those of them that were refused because their peer had too many",
                authentications.limited,
            ),
            "fare_log_lines_left_out": (
                "Lines not logged since too many of their kind were",
                count_lines_left_out(),
            ),
        }
        for name, (help_text, count) in counters.items():
            yield CounterMetricFamily(name, help_text, value=count)
        gauges = {
            "fare_commit_seconds": ("How long commits take, smoothed", service.commit_seconds),
            "fare_taps_pending": ("Taps that wait for a transaction", service.pending_taps),
            "fare_requests_in_flight": (
                "HTTP requests being answered",
                self._runtime.requests_in_flight(),
            ),
            "fare_ledger_stalled_seconds": (
                "For how long the ledger's thread has been at work; 0 while it is not",
                service.stalled_seconds,
            ),
            "fare_loop_stalled_seconds": (
                "For how long the event loop has not turned; 0 while it does",
                self._runtime.loop_stalled_seconds(),
            ),
            "fare_clock_jump_seconds": (
                "How far the system's clock was set since the start",
                self._runtime.readiness.clock_jump_seconds,
            ),
            "fare_engine_alive": ("1 while taps are decided", int(service.dead is None)),
        }
        for name, (help_text, value) in gauges.items():
            yield GaugeMetricFamily(name, help_text, value=value)
        for figure in ledger.list_figures():
            family = CounterMetricFamily if figure.is_counter else GaugeMetricFamily
            yield family(figure.name, figure.help_text, value=figure.value)
        yield from _collect_connections(self._runtime.connection_counts)
        yield from _collect_controllers(self._runtime.clocks)


def _collect_connections(counts: ConnectionCounts) -> Iterator[Metric]:
    """Connections, and what was refused or closed because of a limit; named as its setting is."""
    connections = GaugeMetricFamily(
        "fare_connections",
        "Open connections, by whether they have presented a valid key",
        labels=["key"],
    )
    connections.add_metric(["valid"], counts.with_key)
    connections.add_metric(["none"], counts.without_key)
    yield connections
    for name, help_text, numbers in (
        ("fare_requests_refused", "Requests refused for a limit or a deadline", counts.refused),
        ("fare_connections_closed", "Connections closed for a limit or a deadline", counts.closed),
    ):
        family = CounterMetricFamily(name, help_text, labels=["limit"])
        for limit, number in sorted(numbers.items()):
            family.add_metric([limit], number)
        yield family
    yield CounterMetricFamily(
        "fare_accepts_failed",
        "Times that no connection could be accepted: most likely descriptors were short",
        value=counts.accepts_failed,
    )


def _collect_controllers(clocks: GateClocks) -> Iterator[Metric]:
    """The latest report of each controller."""
    skews = GaugeMetricFamily(
        "fare_gate_clock_skew_ms",
        "A gate's clock minus the engine's, as it was measured last",
        labels=["gate"],
    )
    for gate_id, skew in sorted(clocks.skews.items()):
        skews.add_metric([gate_id], skew.skew_ms)
    yield skews
    yield GaugeMetricFamily(
        "fare_gates_clock_suspect",
        "Gates whose clocks are further off than the tariff allows",
        value=len(clocks.suspects),
    )
    outboxes = GaugeMetricFamily(
        "fare_controller_outbox_taps",
        "Taps that waited at a controller at its last heartbeat",
        labels=["controller"],
    )
    heartbeats = GaugeMetricFamily(
        "fare_controller_heartbeat_seconds",
        "When the last heartbeat of a controller came, seconds since 1970",
        labels=["controller"],
    )
    for controller_id, heartbeat in sorted(clocks.heartbeats.items()):
        outboxes.add_metric([controller_id], heartbeat.outbox_taps)
        heartbeats.add_metric([controller_id], heartbeat.received_at_ms / 1_000)
    yield outboxes
    yield heartbeats
