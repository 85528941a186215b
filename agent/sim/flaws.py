"""Freezes of firmware 1905.4.83, mended in 1905.4.103 (facts/firefly-dl.md section 4: F-901, F-4843)."""

from __future__ import annotations

import numpy as np

from agent.sim.spec import SimulationSpec


class Freezes:
    """Says when a stream stops for good; only a stop and a start bring it back. Owner: the acquisition.

    How often the real camera froze is unknown: the quirks `sync_freeze_chance` and `long_freeze_s` are invented,
    the draws belong to the seed.
    """

    def __init__(self, spec: SimulationSpec) -> None:
        self._old = spec.old_firmware
        self._chance, self._long_ns = spec.quirks.sync_freeze_chance, spec.quirks.long_freeze_s * 1e9
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((spec.seed, 0xF901))))
        self._frozen = False
        self._limit_ns = 0.0
        self._since_ns: int | None = None

    def start(self) -> None:
        """An acquisition starts."""
        self._frozen = False
        self._since_ns = None
        self._limit_ns = self._long_ns * (0.5 + self._random.random()) if self._old else 0.0

    def frozen(self, at_ns: int, infers: bool, synchronous: bool) -> bool:
        """Whether the frame that ends at `at_ns` and all after it are not sent; to be asked once a frame."""
        if not self._old or self._frozen:
            return self._frozen
        if infers and self._since_ns is None:
            self._since_ns = at_ns
        if not infers:
            self._since_ns = None
        elif self._limit_ns and self._since_ns is not None and at_ns - self._since_ns > self._limit_ns:
            self._frozen = True
        if infers and synchronous and self._random.random() < self._chance:
            self._frozen = True
        return self._frozen
