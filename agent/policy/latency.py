"""What each sub-net's times are bounded by on this host and camera: a pure fold over measured results.

One model per camera. A measured net is bounded by its own window; an unmeasured one by its prediction, scaled by what
the measured nets turned out to be against theirs, with a margin for the spread of predictions: a prior, never a
promise. One shared slow-down (`drift`) carries what the active net shows over to those that are not running: at once
where it makes them slower, gradually where it makes them faster again.

Result latency: with chunk transport a result leaves with a later frame, so it takes the service time rounded up to
whole frame periods, plus a transfer time that is learned over all nets of the camera. Where the period is not known,
what came on top of the service time takes the place of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TypeGuard

from agent.domain.result import LatencySample
from agent.policy.window import Window, z_score

MIN_MEASURED = 5  # one or two spikes must not outweigh the prior
SETTLED = 30  # results after which a change of level is a slow-down, not this net getting known
RELIEF_RESULTS = 600  # results on other nets until a slow-down seen on this one is taken as over
RELIEF_DEADBAND = 0.03  # the noise of levels must not talk a net that just missed its budget back into it
SCALE_SIGMA = 0.3  # how far a whole camera may be from its predictions (policy.md, Model: 5-18 % median is usual)
DEFAULT_SPREAD = 0.03
LEAST_SPREAD = 0.01
LEAST_TRANSFER_SPREAD = 0.05
GRID_TOLERANCE = 1e-6  # a service time of exactly n periods takes n, whatever the rounding of floats


@dataclass(frozen=True, slots=True)
class _Net:
    """What is known of one net; `drift` as of its last result, which was the `seen`-th of the camera."""

    service: Window = field(default_factory=Window)
    offset: float | None = None  # log service time without the shared drift
    drift: float = 0.0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """See the module docstring; make it with `empty`, then `observe`. `drift` is a logarithm."""

    prior_sigma: float
    prior_transfer_ms: float
    nets: Mapping[str, _Net]
    transfer: Window
    overhead: Window  # latency beyond the service time
    drift: float = 0.0
    seen: int = 0
    latest: str | None = None
    stint: int = 0  # results of the latest net without another in between
    log_scale: float = 0.0  # measured against predicted, shrunk to 0
    spread: float = DEFAULT_SPREAD

    @classmethod
    def empty(cls, prior_sigma: float = 0.15, prior_transfer_ms: float = 12.0) -> LatencyModel:
        """Nothing measured yet; the prior's sigma is of the logarithm of one net's factor on its prediction."""
        return cls(prior_sigma, prior_transfer_ms, {}, Window(), Window())

    def observe(self, subnet_id: str, samples: Sequence[LatencySample]) -> LatencyModel:
        """The model after these results of one net, oldest first; values that are no times are left out."""
        services = [s.service_ms for s in samples if _is_time(s.service_ms) and s.service_ms]
        transfer = self.transfer.extended([s.transfer_ms for s in samples if _is_time(s.transfer_ms)])
        if not services:
            return replace(self, transfer=transfer)
        before = self.nets.get(subnet_id, _Net())
        known = before.service if subnet_id == self.latest else before.service.scaled(self._carried(before))
        service = known.extended(services)
        stint = (self.stint if subnet_id == self.latest else 0) + len(services)
        seen = self.seen + len(services)
        offset, drift = self._told_apart(before.offset, service, stint)
        nets = {**self.nets, subnet_id: _Net(service, offset, drift, seen)}
        return replace(
            self,
            nets=nets,
            transfer=transfer,
            overhead=self.overhead.extended([over for s in samples if (over := _overhead_ms(s)) is not None]),
            drift=drift,
            seen=seen,
            latest=subnet_id,
            stint=stint,
            spread=_pooled(nets.values()),
        )

    def with_predictions(self, predicted_ms: Mapping[str, float]) -> LatencyModel:
        """The same measurements with the scale of predictions learned from the nets that are measured."""
        ratios = [
            math.log(self._level_ms(subnet_id) / predicted_ms[subnet_id])
            for subnet_id in self.nets
            if self.measured(subnet_id) and predicted_ms.get(subnet_id, 0.0) > 0
        ]
        shrink = len(ratios) + (self.prior_sigma / SCALE_SIGMA) ** 2  # posterior mean of a normal prior at 0
        return replace(self, log_scale=sum(ratios) / shrink)

    def measured(self, subnet_id: str) -> int:
        """How many results this net's bounds rest on; 0 = on its prediction."""
        net = self.nets.get(subnet_id)
        return net.service.count if net is not None and net.service.count >= MIN_MEASURED else 0

    def service_bound_ms(self, subnet_id: str, predicted_ms: float, quantile: float) -> float:
        """Service time that `quantile` of this net's results stay within."""
        if not self.measured(subnet_id):
            return predicted_ms * math.exp(self.log_scale + z_score(quantile) * self.prior_sigma)
        net = self.nets[subnet_id]
        spread = self.spread if net.service.spread is None else max(LEAST_SPREAD, net.service.spread)
        return net.service.bound(quantile, spread) * self._carried(net)

    def latency_bound_ms(
        self, subnet_id: str, predicted_ms: float, quantile: float, frame_period_ms: float | None
    ) -> float:
        """Result latency that `quantile` of this net's results stay within."""
        service = self.service_bound_ms(subnet_id, predicted_ms, quantile)
        return self.delivered_ms(service, quantile, frame_period_ms)

    def delivered_ms(self, service_ms: float, quantile: float, frame_period_ms: float | None) -> float:
        """Result latency of a service time: the wait for the carrying frame and its transfer at `quantile`."""
        learned = self.transfer if frame_period_ms else self.overhead
        transfer_ms = self.prior_transfer_ms
        if learned.count >= MIN_MEASURED:
            transfer_ms = learned.bound(quantile, max(LEAST_TRANSFER_SPREAD, learned.spread or 0.0))
        return whole_periods_ms(service_ms, frame_period_ms) + transfer_ms

    def _told_apart(self, offset: float | None, service: Window, stint: int) -> tuple[float | None, float]:
        """The net's own offset and the camera's drift, given its window.

        A net that was just started explains a difference by itself; once it has settled the camera does.
        """
        if service.count < MIN_MEASURED and offset is None:
            return None, self.drift
        level = math.log(service.median)
        if offset is None or stint <= SETTLED:
            return level - self.drift, self.drift
        return offset, level - offset

    def _carried(self, net: _Net) -> float:
        """Factor on what was measured last, for the drift that the camera has shown since."""
        change = self.drift - net.drift
        if change < 0:
            change = min(0.0, change + RELIEF_DEADBAND) * min(1.0, (self.seen - net.seen) / RELIEF_RESULTS)
        return math.exp(change)

    def _level_ms(self, subnet_id: str) -> float:
        net = self.nets[subnet_id]
        return net.service.median * self._carried(net)


def whole_periods_ms(service_ms: float, frame_period_ms: float | None) -> float:
    """`service_ms` rounded up to whole frame periods; itself where no period is known."""
    if frame_period_ms is None or frame_period_ms <= 0:
        return service_ms
    return math.ceil(service_ms / frame_period_ms - GRID_TOLERANCE) * frame_period_ms


def _pooled(nets: Iterable[_Net]) -> float:
    """Spread for a net that has not shown its own yet."""
    spreads = [net.service.spread for net in nets if net.service.spread is not None]
    return max(LEAST_SPREAD, median(spreads)) if spreads else DEFAULT_SPREAD


def _overhead_ms(sample: LatencySample) -> float | None:
    """Latency beyond the service time, where both were measured."""
    if not _is_time(sample.service_ms) or not _is_time(sample.latency_ms):
        return None
    return max(0.0, sample.latency_ms - sample.service_ms)


def _is_time(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value >= 0
