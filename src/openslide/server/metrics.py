"""What is counted, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .service import Service

#: Upper bounds of durations, in seconds.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of requests, and what the parts of a server know of themselves."""

    def __init__(self, service: Service, slides: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "openslide_requests",
            "Requests that were answered",
            ["kind", "status"],
            registry=self._registry,
        )
        self._sent = Counter(
            "openslide_sent_bytes",
            "Bytes of answers, without headers",
            registry=self._registry,
        )
        self._seconds = Histogram(
            "openslide_request_seconds",
            "How long answers took",
            ["kind"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Parts(service, slides))

    def count(self, kind: str, status: int, size: int, seconds: float) -> None:
        """Note an answer."""
        self._requests.labels(kind, str(status)).inc()
        self._seconds.labels(kind).observe(seconds)
        self._sent.inc(size)

    def route(self) -> Route:
        async def metrics(request: Request) -> Response:
            headers = {"Cache-Control": "no-store", "Content-Type": _MEDIA_TYPE}
            return Response(generate_latest(self._registry), headers=headers)

        return Route("/metrics", metrics)


class _Parts(Collector):
    """What the parts of the server know when they are asked."""

    def __init__(self, service: Service, slides: Callable[[], int]) -> None:
        self._service = service
        self._slides = slides

    def collect(self) -> Iterable[Metric]:
        readers, cache = self._service.readers, self._service.cache
        for name, what, value in (
            ("slides", "Slides in the list", self._slides()),
            ("open_slides", "Slides that are held open", readers.open_slides),
            ("waiting", "Pictures that wait to be made", readers.waiting),
            ("working", "Pictures that are being made", readers.working),
            ("cache_bytes", "Bytes of pictures that are kept", cache.size),
        ):
            yield GaugeMetricFamily(f"openslide_{name}", what, value=value)
        for name, what, value in (
            ("cache_hits", "Pictures that were kept", cache.hits),
            ("cache_misses", "Pictures that had to be made", cache.misses),
            ("forgotten", "Pictures nobody waited for", self._service.forgotten),
            ("reader_deaths", "Processes that ended while they read", readers.deaths),
        ):
            yield CounterMetricFamily(f"openslide_{name}", what, value=value)
