"""What the process of all workers answers itself: their metrics in one scrape, their readiness."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import httpx2
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ANSWER_SECONDS: Final = 2.0
"""A worker that takes longer to answer counts as one that does not."""

CONNECTIONS_MAX: Final = 64
WORKER: Final = "worker"
"""The label of every metric."""


class Worker(Protocol):
    """A worker with an address of its own."""

    url: str

    @property
    def pid(self) -> int:
        """Its process."""


class Slot(Protocol):
    """The place of a worker, which may be empty for a moment."""

    number: int
    deaths: int

    @property
    def worker(self) -> Worker | None:
        """Who serves there now."""


async def serve_overview(bound: socket.socket, slots: Sequence[Slot]) -> None:
    """Answer at a bound socket until cancelled."""
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        app = Starlette(routes=_list_routes(client, slots))
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
        )
        await _Server(config).serve(sockets=[bound])


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are for the workers."""
        yield


def _list_routes(client: httpx2.AsyncClient, slots: Sequence[Slot]) -> list[Route]:
    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        """Ready while at least one worker is: the others' connections come to that one."""
        found = await _ask_all(client, slots, "/readyz")
        workers = [
            {
                WORKER: slot.number,
                "pid": None if slot.worker is None else slot.worker.pid,
                "url": None if slot.worker is None else slot.worker.url,
                "ready": answer is not None and answer.is_success,
                "detail": _describe(answer),
            }
            for slot, answer in found
        ]
        is_ready = any(one["ready"] for one in workers)
        return JSONResponse(
            {"status": "ready" if is_ready else "not-ready", "workers": workers},
            status_code=200 if is_ready else 503,
        )

    async def metrics(_request: Request) -> Response:
        found = await _ask_all(client, slots, "/metrics")
        texts = {
            slot.number: answer.text
            for slot, answer in found
            if answer is not None and answer.is_success
        }
        return Response(merge_metrics(texts, slots), media_type=CONTENT_TYPE_LATEST)

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _ask_all(
    client: httpx2.AsyncClient, slots: Sequence[Slot], path: str
) -> list[tuple[Slot, httpx2.Response | None]]:
    async def ask(slot: Slot) -> tuple[Slot, httpx2.Response | None]:
        if slot.worker is None:
            return slot, None
        try:
            return slot, await client.get(slot.worker.url + path)
        except httpx2.HTTPError:
            return slot, None

    return await asyncio.gather(*map(ask, slots))


def _describe(answer: httpx2.Response | None) -> Any:
    """What a worker says of its readiness."""
    if answer is None:
        return "it does not answer"
    try:
        document = answer.json()
    except ValueError:
        return "it does not answer"
    return document.get("detail", document)


def merge_metrics(texts: dict[int, str], slots: Iterable[Slot]) -> bytes:
    """The metrics of all workers as one text, each with the number of its worker."""
    registry = CollectorRegistry()
    registry.register(_Merged(texts, slots))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self, texts: dict[int, str], slots: Iterable[Slot]) -> None:
        self._texts = texts
        self._slots = slots

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("fare_worker_up", "1 while a worker answers", labels=[WORKER])
        deaths = CounterMetricFamily(
            "fare_worker_deaths",
            "Workers that ended by themselves, or were killed",
            labels=[WORKER],
        )
        for slot in self._slots:
            up.add_metric([str(slot.number)], int(slot.number in self._texts))
            deaths.add_metric([str(slot.number)], slot.deaths)
        yield up
        yield deaths
        merged: dict[str, Metric] = {}
        for number, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                made = Metric(family.name, family.documentation, family.type)
                metric = merged.setdefault(family.name, made)
                for sample in family.samples:
                    labels = {WORKER: str(number), **sample.labels}
                    metric.add_sample(sample.name, labels, sample.value)
        yield from merged.values()
