"""The policy that the daemon runs, called as its supervisor calls it, on a camera that was commissioned.

A replay has no host in between: a result is there with its service time, without overhead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget, EffectiveBudget, Priority
from agent.domain.decision import Action, Decision
from agent.domain.line import Announced as Told
from agent.domain.line import Demand, View
from agent.domain.profile import NetProfile
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.replay.ladder import Ladder
from agent.replay.line import Noise
from agent.replay.simulation import Announced, Judgement, Moment
from agent.replay.trace import Floats, LineState

QUANTILE = 0.99
LOOK_S = 0.5  # how often the daemon looks without being asked (SupervisorSettings.tick_s)
PROFILED_RESULTS = 1000  # of each net (design/policy.md, Model)
_TIE_S = 1e-6  # of times that are sums of looks
_UNJUDGED = Judgement(fits=True, bound_ms=None)


def profiles(ladder: Ladder, noise: Noise) -> list[NetProfile]:
    """What a commissioning run would have measured of each net: PROFILED_RESULTS results, and its swap."""
    factors = replace(noise, seed=noise.seed + 1).factors(PROFILED_RESULTS)
    return [NetProfile.of(net.id, net.service_ms * factors, "replay", 0, swap_s=net.swap_s) for net in ladder.nets]


class Shipped:
    """`dwell`: what ships. `notice_s`: every change is announced so long ahead. `last`: the newest decision.

    It looks when the daemon does: every LOOK_S, at each change that it is told, after a swap, and when one that it
    holds back is to begin.
    """

    def __init__(
        self, ladder: Ladder, quantile: float = QUANTILE, notice_s: float = 0.0, noise: Noise | None = None
    ) -> None:
        self._ids = [net.id for net in ladder.nets]
        self._places = {net.id: place for place, net in enumerate(ladder.nets)}
        self._quantile = quantile
        self._notice_s = notice_s
        settings = PolicySettings(free_running=False, results_wait=False, prior_transfer_ms=0.0)
        self._policy = SwapPolicy(ladder.catalogue, settings)
        for profile in profiles(ladder, noise or Noise()):
            self._policy.set_profile(profile)
        self._state: LineState | None = None
        self._made = 0
        self._demand_now: Demand
        self._told: tuple[tuple[Announced, ...], tuple[Told, ...]] = ((), ())
        self._judgement = _UNJUDGED
        self._looked: tuple[object, ...] = ()  # what was told when it looked last
        self._due_s = 0.0  # when it looks again, where nothing is told before
        self.last: Decision | None = None

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:
        view = View(0.0, self._demand(state), announced=self._tell(announced), notice_s=self._notice_s)
        decision = self._decide(view)
        return 0 if decision.target is None else self._places[decision.target]

    def observe(self, net: int, service_ms: Floats) -> None:
        self._policy.observe_services(self._ids[net], service_ms)

    def decide(self, moment: Moment) -> int:
        if not self._looks(moment):
            return moment.active
        decision = self._decide(self._view(moment))
        if decision.starts_s is not None and decision.starts_s > moment.now_s:
            self._due_s = min(self._due_s, decision.starts_s)
        if decision.action is Action.SWAP and decision.target is not None:
            return self._places[decision.target]
        return moment.active

    def watch(self, moment: Moment) -> None:
        """The line goes on while there is no network."""
        if self._looks(moment):
            self._policy.decide(replace(self._view(moment), swapping=True))

    def judgement(self) -> Judgement:
        """Of the net just chosen."""
        return self._judgement

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON."""
        return self._policy.saved()

    def restore(self, saved: Mapping[str, object]) -> None:
        """Begin with what an earlier run had learned."""
        self._policy.restore(saved)

    def _looks(self, moment: Moment) -> bool:
        """Whether the daemon would look now; then it has."""
        told = (moment.state, moment.announced, moment.active, moment.since_s)
        if told == self._looked and moment.now_s < self._due_s - _TIE_S:
            return False
        self._looked, self._due_s = told, moment.now_s + LOOK_S
        return True

    def _decide(self, view: View) -> Decision:
        decision = self.last = self._policy.decide(view)
        swaps = decision.action is Action.SWAP and decision.target is not None
        found = self._policy.bound_of(decision.target or "") if swaps else self._policy.judged()
        if found is None:
            self._judgement = _UNJUDGED
        elif (found[0], found[1], found[2]) != self._judgement:
            self._judgement = Judgement(*found)
        return decision

    def _view(self, moment: Moment) -> View:
        demand, announced = self._demand(moment.state), self._tell(moment.announced)
        return View(moment.now_s, demand, self._ids[moment.active], moment.since_s, announced, self._notice_s)

    def _tell(self, announced: tuple[Announced, ...]) -> tuple[Told, ...]:
        if announced is not self._told[0]:
            self._told = announced, tuple(Told(one.at_s, self._asked(one.state, "announced")) for one in announced)
        return self._told[1]

    def _demand(self, state: LineState) -> Demand:
        """A budget has a new id whenever it changes, as that of a client has; a line that only stops keeps it."""
        if state != self._state:
            if self._state is None or self._budget(state) != self._budget(self._state):
                self._made += 1
            self._state, self._demand_now = state, self._asked(state, f"b-{self._made}")
        return self._demand_now

    def _asked(self, state: LineState, budget_id: str) -> Demand:
        effective = EffectiveBudget(budget_id, self._budget(state), Priority.LEASE, ())
        return Demand(effective, state.parts_per_minute / 60.0, None, state.stopped)

    def _budget(self, state: LineState) -> Budget:
        """A line without a limit asks for the longest."""
        rate = state.parts_per_minute if 0 < state.parts_per_minute <= MAX_PARTS_PER_MINUTE else None
        limit_ms = state.max_latency_ms if state.max_latency_ms <= MAX_LATENCY_MS else None
        if rate is None and limit_ms is None:
            limit_ms = MAX_LATENCY_MS
        return Budget(limit_ms, rate, None, self._quantile)
