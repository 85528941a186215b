"""One answer to one scrape: the families of prometheus_client, filled in the order of the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family

from agent.telemetry.metrics.catalogue import METRICS, Metric
from agent.telemetry.metrics.distribution import Distribution

_UNITS = ("seconds", "celsius", "ratio")


class Scrape:
    """Filled by `put` and `spread`, then read once by `families`."""

    def __init__(self) -> None:
        self._families = {metric: _family(metric) for metric in METRICS}

    def put(self, metric: Metric, value: float | bool, *labels: str) -> None:
        """One series; `labels` are the values of the metric's labels, in their order. What is no number has none."""
        if not math.isfinite(value):
            return
        family = self._families[metric]
        if isinstance(family, InfoMetricFamily):
            family.add_metric([], dict(zip(metric.labels, labels, strict=True)))
        elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
            family.add_metric(labels, float(value))

    def choose(self, metric: Metric, among: Iterable[str], chosen: Iterable[str], *labels: str) -> None:
        """One series for each value of the last label: 1 for those that are chosen, else 0."""
        on = set(chosen)
        for value in among:
            self.put(metric, value in on, *labels, value)

    def spread(self, metric: Metric, distribution: Distribution, *labels: str) -> None:
        """The series of one histogram."""
        family = self._families[metric]
        if isinstance(family, HistogramMetricFamily):
            family.add_metric(labels, distribution.buckets(), distribution.sum)

    def families(self) -> Iterator[Family]:
        """Those that have a series."""
        return (family for family in self._families.values() if family.samples)


def _family(metric: Metric) -> Family:
    unit = next((unit for unit in _UNITS if metric.name.removesuffix("_total").endswith(unit)), "")
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels, unit=unit)
    if metric.kind == "histogram":
        return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels, unit=unit)
    if metric.kind == "info":
        return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels, unit=unit)
