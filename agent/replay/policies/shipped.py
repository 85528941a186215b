"""The policy that the daemon runs, called as its supervisor calls it.

A replay has no host in between: a result is there with its service time, without overhead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget, EffectiveBudget, Priority
from agent.domain.decision import Action
from agent.domain.line import Announced as Told
from agent.domain.line import Demand, View
from agent.domain.result import LatencySample
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.policy.latency import LatencyModel
from agent.replay.ladder import Ladder
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState

QUANTILE = 0.99
PROFILED_RESULTS = 300  # of each net (policy.md, Model)
_NOT_MEASURED = float("nan")  # the model leaves out what is no time: there is no overhead to learn


class Shipped:
    """`dwell`: what ships. `notice_s`: every change is announced so long ahead."""

    def __init__(self, ladder: Ladder, quantile: float = QUANTILE, notice_s: float = 0.0) -> None:
        self._ids = [net.id for net in ladder.nets]
        self._places = {net.id: place for place, net in enumerate(ladder.nets)}
        self._profiled_ms = ladder.service_ms.tolist()
        self._quantile = quantile
        self._notice_s = notice_s
        settings = PolicySettings(free_running=False, results_wait=False)
        self._policy = SwapPolicy(ladder.catalogue, settings, LatencyModel.empty(prior_transfer_ms=0.0))
        self._demands: dict[LineState, Demand] = {}
        self._made = 0
        self._told: tuple[tuple[Announced, ...], tuple[Told, ...]] = ((), ())

    def profiled(self) -> Shipped:
        """Itself, having seen every net take its profiled time: what a commissioning run would have measured."""
        for net, profiled_ms in enumerate(self._profiled_ms):
            self.observe(net, np.full(PROFILED_RESULTS, profiled_ms))
        return self

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:
        decision = self._policy.decide(View(0.0, self._demand(state), announced=self._tell(announced)))
        return 0 if decision.target is None else self._places[decision.target]

    def observe(self, net: int, service_ms: Floats) -> None:
        samples = [LatencySample(ms, _NOT_MEASURED, _NOT_MEASURED) for ms in service_ms.tolist()]
        self._policy.observe(self._ids[net], samples)

    def decide(self, moment: Moment) -> int:
        demand, announced = self._demand(moment.state), self._tell(moment.announced)
        active = self._ids[moment.active]
        view = View(moment.now_s, demand, active, moment.since_s, announced, self._notice_s)
        decision = self._policy.decide(view)
        if decision.action is Action.SWAP and decision.target is not None:
            return self._places[decision.target]
        return moment.active

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON."""
        return self._policy.saved()

    def restore(self, saved: Mapping[str, object]) -> None:
        """Begin with what an earlier run had learned."""
        self._policy.restore(saved)

    def _tell(self, announced: tuple[Announced, ...]) -> tuple[Told, ...]:
        if announced is not self._told[0]:
            self._told = announced, tuple(Told(one.at_s, self._demand(one.state)) for one in announced)
        return self._told[1]

    def _demand(self, state: LineState) -> Demand:
        """One for each state of the line. A budget has a new id whenever it changes, as the daemon's has."""
        demand = self._demands.get(state)
        if demand is None:
            self._made += 1
            effective = EffectiveBudget(f"b-{self._made}", self._budget(state), Priority.LEASE, ())
            demand = self._demands[state] = Demand(effective, state.parts_per_s, None, state.stopped)
        return demand

    def _budget(self, state: LineState) -> Budget:
        """A line without a limit asks for the longest."""
        rate = state.parts_per_minute if 0 < state.parts_per_minute <= MAX_PARTS_PER_MINUTE else None
        limit_ms = state.max_latency_ms if state.max_latency_ms <= MAX_LATENCY_MS else None
        if rate is None and limit_ms is None:
            limit_ms = MAX_LATENCY_MS
        return Budget(limit_ms, rate, None, self._quantile)
