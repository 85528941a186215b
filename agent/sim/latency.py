"""Simulated service time of a network: the law of facts/myriad-blobs.md section 6 with hidden factors.

Nothing outside `agent.sim` may read the factors: the agent has to measure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.sim.network import Network
from agent.sim.spec import VpuSpec

_DRAWS = 1024
# Times longer with so many SHAVEs than with 12 (facts/myriad-blobs.md section 6).
_SHAVES, _SLOWNESS = (1, 2, 4, 8, 12), (3.0, 2.0, 1.4, 1.1, 1.0)


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """One inference. `inference_ms` is the node InferenceTime and includes pre-processing; scaling comes on top."""

    inference_ms: float
    preprocessing_ms: float
    scaling_ms: float

    @property
    def total_ms(self) -> float:
        return self.inference_ms + self.scaling_ms


def law_ms(network: Network) -> float:
    """Time on the SHAVEs of a cool Myriad 2, fitted to two published MobileNets on 12."""
    work, resolution = network.work, math.sqrt(network.height * network.width)
    per_layer = 0.10 + 0.41 * (resolution / 224) ** 2
    slowness = float(np.interp(network.shaves, _SHAVES, _SLOWNESS))
    return slowness * (work.macs_dense / 1e6 / 30 + work.macs_depthwise / 1e6 / 3 + work.layers * per_layer)


class LatencyModel:
    """Draws service times, the same sequence for the same seed. Owner: the VPU.

    `part_factors` stand in for the jitter of those parts, whichever network sees them, so that a replay of the same
    parts can have the same noise.
    """

    def __init__(self, spec: VpuSpec, seed: int) -> None:
        self._spec = spec
        self._seed = seed
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 0x71713))))
        self._jitter: list[float] = []
        self._base_ms: dict[str, tuple[float, float]] = {}
        self.slowdown = spec.slowdown
        self.part_factors: Sequence[float] = ()

    def draw(self, network: Network, throttle: float = 1.0, part: int = -1) -> ServiceTime:
        """Service time of the next inference of `network`; a clock that heat stepped down slows all of it.

        `part` is the number of the part that it sees, -1 for none.
        """
        base_ms, gamma = self.undisturbed(network)
        network_ms = base_ms * (self.slowdown * throttle) ** gamma * self._jitter_of(part)
        preprocessing_ms, scaling_ms = self._spec.preprocessing_ms * throttle, self._spec.scaling_ms * throttle
        return ServiceTime(network_ms + preprocessing_ms, preprocessing_ms, scaling_ms)

    def undisturbed(self, network: Network) -> tuple[float, float]:
        """Time of `network` in ms before slow-down, jitter and fixed costs, and its gamma."""
        known = self._base_ms.get(network.digest)
        if known is None:
            normal, uniform = _hidden(self._seed, network.digest)
            factor = float(np.exp(self._spec.digest_sigma * normal))
            base_ms = self._spec.time_scale * self._spec.shave_factor * law_ms(network) * factor
            known = self._base_ms[network.digest] = (base_ms, 0.8 + 0.4 * uniform)
        return known

    def _jitter_of(self, part: int) -> float:
        if 0 <= part < len(self.part_factors):
            return self.part_factors[part]
        if not self._jitter:
            self._jitter = np.exp(self._rng.standard_normal(_DRAWS) * self._spec.jitter_sigma).tolist()
        return self._jitter.pop()


def _hidden(seed: int, digest: str) -> tuple[float, float]:
    """A normal and a uniform draw that belong to (seed, digest)."""
    words = hashlib.sha256(f"{seed}/{digest}".encode()).digest()[:16]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(words, "little"))))
    return float(rng.standard_normal()), float(rng.uniform())
