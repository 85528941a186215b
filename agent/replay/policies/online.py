"""Rules from online algorithms, which weigh what was lost so far against the price of a swap, and the simplest ones."""

from __future__ import annotations

from agent.replay.ladder import Ladder
from agent.replay.policies.base import LadderPolicy
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import LineState


class Fixed(LadderPolicy):
    """One net for ever."""

    def __init__(self, ladder: Ladder, net: int) -> None:
        super().__init__(ladder)
        self._net = net

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        return self._net

    def add(self, ratio: float) -> None:
        """Looks at nothing."""

    def decide(self, moment: Moment) -> int:
        return moment.active


class SkiRental(LadderPolicy):
    """Ski rental (Karlin et al., Algorithmica 1988): each net keeps what it would have won over the active one; a swap
    when that has paid for the swap."""

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(ladder)
        self._won = [0.0] * len(self.nets)
        self._before_s = 0.0

    def decide(self, moment: Moment) -> int:
        gains, passed_s = self.gains(moment.state.limit_ms), moment.now_s - self._before_s
        active, rate = moment.active, moment.state.parts_per_s
        self._before_s = moment.now_s
        for net in self.nets:
            self._won[net] = max(0.0, self._won[net] + rate * passed_s * (gains[net] - gains[active]))
        due = [net for net in self.nets if net != active and self._won[net] > 0.0]
        due = [net for net in due if self._won[net] >= rate * gains[net] * self.swap_s[net]]
        if not due:
            return active
        best = max(due, key=self._won.__getitem__)
        self._won = [0.0] * len(self.nets)
        return best


class WorkFunction(LadderPolicy):
    """Work function algorithm for metrical task systems (Borodin, Linial, Saks, J. ACM 1992): w(j) is the least cost
    of having served all so far and being at j; go where w plus the way there is least. Cost is lost accuracy."""

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(ladder)
        self._work = [0.0] * len(self.nets)
        self._before_s = 0.0

    def decide(self, moment: Moment) -> int:
        gains, rate = self.gains(moment.state.limit_ms), moment.state.parts_per_s
        parts = rate * (moment.now_s - self._before_s)
        self._before_s = moment.now_s
        most = max(gains)
        way = [rate * (most or max(self.top1)) * swap_s for swap_s in self.swap_s]
        work = [self._work[net] + parts * (most - gains[net]) for net in self.nets]
        least = min(work)
        self._work = [min(work[net], least + way[net]) - least for net in self.nets]
        costs = [self._work[net] + (0.0 if net == moment.active else way[net]) for net in self.nets]
        best, active = min(self.nets, key=costs.__getitem__), moment.active
        # The active net's work cannot exceed what it costs to come back: there the algorithm moves.
        at_border = way[active] > 0.0 and self._work[active] >= way[active] - 1e-9
        return best if at_border or costs[best] < costs[active] - 1e-9 else active
