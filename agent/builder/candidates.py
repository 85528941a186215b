"""Architectures with their price: sizes and predicted service time, known without running anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import numpy as np

from agent.builder.arch import Arch, Space, complete
from agent.builder.counts import Counts, count
from agent.builder.plan import Net
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Supernet
from agent.errors import BuildError

Refusal = Callable[[Arch, Net], str | None]


class NothingFits(BuildError):
    """No sub-net is both legal on the target and within the latency asked for; the message says what there is."""

    reason: ClassVar[str] = "BUILD_NOTHING_FITS"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture with its sizes and predicted service time."""

    arch: Arch
    counts: Counts
    predicted_ms: float

    @property
    def macs(self) -> int:
        """Dense and depthwise together."""
        return self.counts.macs_dense + self.counts.macs_depthwise


def all_legal(arch: Arch, net: Net) -> str | None:  # noqa: ARG001
    """The refusal of a target that takes every sub-net."""
    return None


class Candidates:
    """Prices architectures of one supernet for one target, each once. `space` holds only what the target takes.

    Raises NothingFits where the target takes nothing of this supernet.
    """

    def __init__(self, supernet: Supernet, law: LatencyLaw, refuses: Refusal = all_legal) -> None:
        self.law = law
        self._supernet = supernet
        self._refuses = refuses
        self._known: dict[Arch, tuple[Candidate, str | None]] = {}
        self.space = self._legal_space(supernet.space)

    def of(self, arch: Arch) -> Candidate:
        """The price of an architecture, legal or not."""
        return self._priced(arch)[0]

    def refusal(self, arch: Arch) -> str | None:
        """Why the target does not take it; None where it does."""
        return self._priced(arch)[1]

    def pool(self, count: int, seed: int) -> list[Candidate]:
        """Legal ones: all uniform architectures and seeded random ones, without repeats, by rising latency."""
        random = np.random.Generator(np.random.PCG64(seed))
        archs = _uniform(self.space)
        archs += [_random(self.space, random) for _ in range(count - len(archs))]
        legal = [self.of(arch) for arch in dict.fromkeys(archs) if self.refusal(arch) is None]
        return sorted(legal, key=lambda c: (c.predicted_ms, c.arch.to_json()))

    def _priced(self, arch: Arch) -> tuple[Candidate, str | None]:
        if arch not in self._known:
            net = self._supernet.cut(arch)
            counts = count(net)
            candidate = Candidate(arch, counts, self.law.service_ms(counts, arch.r))
            self._known[arch] = candidate, self._refuses(arch, net)
        return self._known[arch]

    def _legal_space(self, space: Space) -> Space:
        """Kernels that the target refuses everywhere are no choice; random draws would hardly ever avoid them."""
        side_px, refusal = min(space.r), None
        legal: list[int] = []
        for kernel in space.ks:
            why = self.refusal(space.uniform(kernel, min(space.e), max(space.d), side_px))
            refusal = why or refusal
            if why is None:
                legal.append(kernel)
        if not space.ks:
            refusal = self.refusal(space.smallest(side_px))
        if (space.ks and not legal) or (not space.ks and refusal):
            raise NothingFits(f"target: no sub-net of this supernet is legal there: {refusal}")
        return replace(space, ks=tuple(legal))


def within(pool: list[Candidate], max_latency_ms: float | None) -> list[Candidate]:
    """Those that meet a limit. Raises NothingFits, telling the fastest there is."""
    if max_latency_ms is None:
        return pool
    inside = [candidate for candidate in pool if candidate.predicted_ms <= max_latency_ms]
    if not inside:
        fastest = pool[0]
        raise NothingFits(
            f"max latency {max_latency_ms:g} ms: the fastest sub-net is predicted at {fastest.predicted_ms:.1f} ms "
            f"({fastest.arch.to_json()}); allow that, or take a smaller supernet"
        )
    return inside


def _uniform(space: Space) -> list[Arch]:
    """Same choices everywhere; resolutions thinned to four, since published spaces have 25."""
    sides = sorted({space.r[round(i * (len(space.r) - 1) / 3)] for i in range(4)})
    choices = product(space.ks or (0,), space.e, space.d, sides)
    ends = [space.smallest(min(sides)), space.largest(max(sides))]
    return ends + [space.uniform(k, e, d, r) for k, e, d, r in choices]


def _random(space: Space, random: np.random.Generator) -> Arch:
    values: dict[str, object] = {"r": int(random.choice(space.r))}
    values["d"] = [int(v) for v in random.choice(space.d, space.depths)]
    values["e"] = [float(v) for v in random.choice(space.e, space.blocks)]
    if space.ks:
        values["ks"] = [int(v) for v in random.choice(space.ks, space.blocks)]
    if space.w:
        values["w"] = [int(v) for v in random.choice(space.w, space.w_count)]
    return complete(values, space)
