"""From what is known to text, by prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from agent.telemetry.metrics.scrape import Scrape

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Exposition(Collector):
    """`tell` puts all metrics of the agent into a scrape; those of the process come from prometheus_client."""

    def __init__(self, tell: Callable[[Scrape], None]) -> None:
        self._tell = tell
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self, openmetrics: bool) -> tuple[bytes, str]:
        """As OpenMetrics 1.0 or as Prometheus text 0.0.4, and the content type."""
        encode, content_type = choose_encoder(OPENMETRICS if openmetrics else "text/plain; version=0.0.4")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Family]:
        """Called by the registry; see prometheus_client."""
        scrape = Scrape()
        self._tell(scrape)
        return scrape.families()
