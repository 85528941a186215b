"""The policy that the daemon runs: the same `decide` and the same latency model, called as its supervisor calls them.

A replay has no host in between: a result is there with its service time, without overhead.
"""

from __future__ import annotations

import numpy as np

from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget, EffectiveBudget, Priority
from agent.domain.decision import Action, Decision
from agent.domain.result import LatencySample
from agent.policy.decide import Context, Promise, decide, promise_of
from agent.policy.latency import LatencyModel
from agent.replay.ladder import Ladder
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState

QUANTILE = 0.99
PROFILED_RESULTS = 300  # of each net (policy.md, Model)
_NOT_MEASURED = float("nan")  # the model leaves out what is no time: there is no overhead to learn
_Outlook = tuple[LineState, int, bool, tuple[bool, ...]]


class Shipped:
    """`dwell`: what ships. It takes no notice of announcements or of a line that stands: the daemon has neither.

    `skip`: do not ask `decide` again while nothing that it looks at has changed; the run is the same, and faster.
    """

    def __init__(self, ladder: Ladder, quantile: float = QUANTILE, skip: bool = True) -> None:
        self._catalogue = ladder.catalogue
        self._ids = [net.id for net in ladder.nets]
        self._places = {net.id: place for place, net in enumerate(ladder.nets)}
        self._predicted_ms = {net.id: net.service_ms for net in ladder.nets}
        self._quantile = quantile
        self._skip = skip and len({net.top1 for net in ladder.nets}) == len(ladder.nets)  # bounds decide between equals
        self._model = LatencyModel.empty(prior_transfer_ms=0.0).with_predictions(self._predicted_ms)
        self._promise: Promise | None = None
        self._effective: EffectiveBudget | None = None
        self._state: LineState | None = None
        self._settled: _Outlook | None = None
        self._swaps = 0

    def profiled(self) -> Shipped:
        """Itself, having seen every net take its profiled time: what a commissioning run would have measured."""
        for net, profiled_ms in enumerate(self._predicted_ms.values()):
            self.observe(net, np.full(PROFILED_RESULTS, profiled_ms))
        return self

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        decision = self._decide(state, None, Context(0.0, results_wait=False))
        return 0 if decision is None or decision.target is None else self._places[decision.target]

    def observe(self, net: int, service_ms: Floats) -> None:
        samples = [LatencySample(ms, _NOT_MEASURED, _NOT_MEASURED) for ms in service_ms.tolist()]
        self._model = self._model.observe(self._ids[net], samples).with_predictions(self._predicted_ms)

    def decide(self, moment: Moment) -> int:
        context = Context(moment.now_s, moment.since_s, promise=self._promise, results_wait=False)
        outlook = self._outlook(moment, context)
        if outlook is not None and outlook == self._settled:
            return moment.active
        decision = self._decide(moment.state, self._ids[moment.active], context)
        if decision is None:
            return moment.active
        if decision.action is Action.SWAP and decision.target is not None:
            self._settled = None
            return self._places[decision.target]
        if decision.action is Action.KEEP:
            self._promise = promise_of(decision, self._promise)
        self._settled = outlook
        return moment.active

    def _decide(self, state: LineState, active: str | None, context: Context) -> Decision | None:
        """None where nothing is asked for."""
        if state != self._state:
            self._state, self._effective = state, self._budget(state)
        if self._effective is None:
            return None
        return decide(self._catalogue, active, self._model, self._effective, None, False, context)

    def _outlook(self, moment: Moment, context: Context) -> _Outlook | None:
        """What a decision not to swap rests on: while it stays, so does the decision. None where more than that counts.

        With one net that fits and a promise for this budget, `decide` looks at nothing but who fits, and at the dwell.
        """
        if not self._skip or self._promise is None or self._effective is None or moment.state != self._state:
            return None
        if self._promise.budget_id != self._effective.id:
            return None
        limit_ms, bound_ms, quantile = moment.state.limit_ms, self._model.service_bound_ms, self._quantile
        fits = tuple(bound_ms(name, ms, quantile) <= limit_ms for name, ms in self._predicted_ms.items())
        if not any(fits):
            return None
        return moment.state, moment.active, context.dwell_left_s() > 0, fits

    def _budget(self, state: LineState) -> EffectiveBudget:
        """A new id for each change, as a claim of a client makes it. A line without a limit asks for the longest."""
        self._swaps += 1
        rate = state.parts_per_minute if 0 < state.parts_per_minute <= MAX_PARTS_PER_MINUTE else None
        limit_ms = state.max_latency_ms if state.max_latency_ms <= MAX_LATENCY_MS else None
        if rate is None and limit_ms is None:
            limit_ms = MAX_LATENCY_MS
        return EffectiveBudget(f"b-{self._swaps}", Budget(limit_ms, rate, None, self._quantile), Priority.LEASE, ())
