"""The truth of a replay: a trace, a ladder and noise, as arrays over parts and over the instants of decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInput
from agent.replay.ladder import Ladder
from agent.replay.trace import Floats, Indices, Trace

GRID_S = 0.25  # of the optimum (interfaces.md section 7); policies may look as often
# predicted x slow-down computed in floats must not miss a limit that it equals on paper
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Noise:
    """What service times have beside the trace's slow-down; the same factor for whichever net sees the part.

    A log-normal factor of `sigma` with median 1, and a share of spikes by a uniform factor.
    """

    sigma: float = 0.0
    spike_share: float = 0.0
    spike_factor: tuple[float, float] = (1.15, 1.5)
    seed: int = 0

    def factors(self, count: int) -> Floats:
        """One for each part."""
        source = np.random.default_rng(self.seed)
        factors = np.exp(self.sigma * source.standard_normal(count))
        spikes = source.random(count) < self.spike_share
        return np.where(spikes, factors * source.uniform(*self.spike_factor, count), factors)


@dataclass(frozen=True)
class Line:
    """What happens, whatever a policy does. Net k takes profiled x slowdown ** sensitivity_k x noise for a part.

    Decisions are taken every GRID_S and whenever the trace changes: `instants`, the last of which is the end.
    """

    trace: Trace
    ladder: Ladder
    noise: Noise = Noise()
    sensitivity: tuple[float, ...] = ()
    _service: dict[int, Floats] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.sensitivity and len(self.sensitivity) != len(self.ladder.nets):
            raise BadInput("sensitivity", f"{len(self.sensitivity)} values for {len(self.ladder.nets)} sub-nets")

    @property
    def part_times(self) -> Floats:
        return self.trace.parts[0]

    @cached_property
    def part_limits_ms(self) -> Floats:
        return self.trace.limit_ms[self.trace.parts[1]]

    @cached_property
    def _slowdown(self) -> Floats:
        return self.trace.slowdown[self.trace.parts[1]]

    @cached_property
    def _factors(self) -> Floats:
        return self.noise.factors(len(self.part_times))

    def service_ms(self, net: int) -> Floats:
        """Service time of each part on one net."""
        if net not in self._service:
            slowdown = self._slowdown ** self.sensitivity[net] if self.sensitivity else self._slowdown
            self._service[net] = self.ladder.nets[net].service_ms * slowdown * self._factors
        return self._service[net]

    def service_steps(self, net: int, start_s: float, end_s: float) -> tuple[Floats, Floats]:
        """Between two times, (s, ms) of the steps in which a net's service time goes, without its noise."""
        trace = self.trace
        inner = trace.t_s[(trace.t_s > start_s) & (trace.t_s < end_s)]
        at_s = np.concatenate(([start_s], inner, [max(start_s, end_s)]))
        slowdown = trace.slowdown[np.searchsorted(trace.t_s, at_s, side="right") - 1]
        sensitivity = self.sensitivity[net] if self.sensitivity else 1.0
        return at_s, self.ladder.nets[net].service_ms * slowdown**sensitivity

    @cached_property
    def in_time(self) -> tuple[NDArray[np.bool_], ...]:
        """For each net, whether each part would be in time."""
        allowed = self.part_limits_ms * (1.0 + TIE)
        return tuple(self.service_ms(net) <= allowed for net in range(len(self.ladder.nets)))

    @cached_property
    def feasible(self) -> NDArray[np.bool_]:
        """Whether each part would be in time on some net."""
        return np.asarray(np.logical_or.reduce(self.in_time))

    @cached_property
    def values(self) -> tuple[Floats, ...]:
        """For each net the sum of accuracies of the first n parts in time, n = 0 .. all."""
        counts = (np.concatenate(([0], np.cumsum(hits))) for hits in self.in_time)
        return tuple(net.top1 * count for net, count in zip(self.ladder.nets, counts, strict=True))

    @cached_property
    def instants(self) -> Floats:
        """When decisions are taken, and the end."""
        end_s = self.trace.end_s
        grid = np.arange(int(np.ceil(end_s / GRID_S))) * GRID_S
        inner = np.union1d(grid[grid < end_s], self.trace.t_s)
        return np.append(inner, end_s)

    @cached_property
    def rows(self) -> Indices:
        """The trace's row at each instant."""
        return np.searchsorted(self.trace.t_s, self.instants, side="right") - 1

    @cached_property
    def parts_before(self) -> Indices:
        """How many parts come before each instant."""
        return np.searchsorted(self.part_times, self.instants, side="left")
