"""Predicted service time of a sub-net on a Myriad 2, before anything was measured (facts/myriad-blobs.md 6).

    t = time_scale * s(shaves) * (M_dense / 30 + M_dw / 3 + L * (0.10 + 0.41 * (r / 224)^2)) + pre-processing

with M in millions of multiply-accumulates, t in milliseconds. It is an estimate fitted to two published points;
the camera's measured service times replace it at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.builder.counts import Counts

_REFERENCE_SIDE_PX = 224
# Spread of the logarithm of measured over predicted where nothing was measured: one sub-net's own factor (.15) and the
# whole camera's (.3) together (policy.md, Model).
PRIOR_SIGMA = 0.335
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class LatencyLaw:
    """Coefficients of the law. MACs per ms in millions, layer costs in ms; `time_scale` stretches all but
    pre-processing. `relative_sigma` is the spread of the logarithm of a measured service time over its prediction."""

    dense_mmacs_per_ms: float = 30.0
    depthwise_mmacs_per_ms: float = 3.0
    layer_ms: float = 0.10
    layer_area_ms: float = 0.41
    shave_factors: tuple[tuple[int, float], ...] = ((12, 1.0), (8, 1.1), (4, 1.4), (2, 2.0), (1, 3.0))
    preprocessing_ms: float = 0.8
    scaling_ms: float = 0.4
    time_scale: float = 1.0
    source: str = "model: myriad-2 two-point law"
    shaves: int = 12
    relative_sigma: float = PRIOR_SIGMA

    @property
    def fixed_ms(self) -> float:
        """Pre-processing and scaling: the part of a service time that does not depend on the sub-net."""
        return self.preprocessing_ms + self.scaling_ms

    def network_ms(self, counts: Counts, side_px: int, shaves: int | None = None) -> float:
        """Time of the network alone; `shaves` None means the law's own."""
        layer = self.layer_ms + self.layer_area_ms * (side_px / _REFERENCE_SIDE_PX) ** 2
        dense = counts.macs_dense / 1e6 / self.dense_mmacs_per_ms
        depthwise = counts.macs_depthwise / 1e6 / self.depthwise_mmacs_per_ms
        stretch = self.time_scale * self._shave_factor(self.shaves if shaves is None else shaves)
        return stretch * (dense + depthwise + counts.layers * layer)

    def service_ms(self, counts: Counts, side_px: int, shaves: int | None = None) -> float:
        """What the camera is expected to report: network, pre-processing and scaling."""
        return self.network_ms(counts, side_px, shaves) + self.fixed_ms

    def interval_ms(self, service_ms: float) -> tuple[float, float]:
        """Where 95 % of measured service times are expected for such a prediction."""
        factor = math.exp(_Z95 * self.relative_sigma)
        return service_ms / factor, service_ms * factor

    def _shave_factor(self, shaves: int) -> float:
        """That of the next smaller known count: never too optimistic."""
        known = [(count, factor) for count, factor in self.shave_factors if count <= shaves]
        return max(known)[1] if known else max(factor for _, factor in self.shave_factors)
