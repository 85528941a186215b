"""The best that a policy without foresight can do: one that is told the law that a line was drawn from.

It knows how long levels, rushes, slow-downs and whatever else the scenario has last and what follows them, how service
times scatter and how each net slows down; of the hour it knows what has been until now, and with notice what is told.
Approximations are those of the solver and of each model; a policy can beat it on a single hour by luck, not on many.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from functools import lru_cache

from typing_extensions import assert_never

from agent.errors import BadInput
from agent.replay.ladder import Ladder, Net
from agent.replay.laws import LAWS, Bursts, Contention, Flaps, Heat, Law, Levels, Ramps
from agent.replay.line import GRID_S, Line, Noise
from agent.replay.policies.true_law_lines import BurstModel, FlapModel, LevelModel, RampModel
from agent.replay.policies.true_law_setting import Model, Setting
from agent.replay.policies.true_law_slowdowns import ContentionModel, HeatModel
from agent.replay.policies.true_law_solver import Solved, solve
from agent.replay.simulation import Announced, Moment, Policy
from agent.replay.trace import Floats, LineState

_LAST_S = 120.0  # from 30 to 240 s it makes no difference; without it, 2e-4 on bursts (tuning seeds)


def true_law(line: Line, scenario: str, notice_s: float) -> Policy:
    """The best policy without foresight for a line drawn from this scenario of LineShift; simulate with this notice.

    Solved once for each ladder, law, noise and notice. Raises BadInput for an unknown scenario.
    """
    if scenario not in LAWS:
        raise BadInput("scenario", f"{scenario!r} is unknown; known: {', '.join(LAWS)}")
    law, noise = LAWS[scenario], dataclasses.replace(line.noise, seed=0)
    sensitivity = line.sensitivity if isinstance(law, (Contention, Heat)) else ()
    return TrueLawPolicy(line, *_solution(line.ladder.nets, law, noise, sensitivity, notice_s))


@lru_cache(maxsize=32)
def _solution(
    nets: tuple[Net, ...], law: Law, noise: Noise, sensitivity: tuple[float, ...], notice_s: float
) -> tuple[Model, Solved]:
    setting = Setting(Ladder(nets), noise, notice_s)
    model = _model(setting, law, sensitivity)
    return model, solve(model.chain, setting.ladder.swap_s, notice_s)


class TrueLawPolicy:
    """Carries out a solution: where the line is on its chain is read off the trace up to now, slow-down included."""

    def __init__(self, line: Line, model: Model, solved: Solved) -> None:
        self._t_s = line.trace.t_s.tolist()
        self._reading = model.read(line.trace)
        self.solved = solved
        self._choice = solved.choice.tolist()
        self._end_s = line.trace.end_s
        self._row = 0

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        self._row = 0
        return int(self.solved.worth[self._reading.at(0, 0.0)].argmax())

    def observe(self, net: int, service_ms: Floats) -> None:
        """Knows the law of service times."""

    def decide(self, moment: Moment) -> int:
        now_s, times = moment.now_s, self._t_s
        while self._row + 1 < len(times) and times[self._row + 1] <= now_s:
            self._row += 1
        state = self._reading.at(self._row, now_s)
        for change in moment.announced:
            target = self._reading.told(self._row, bisect_left(times, change.at_s, self._row), now_s)
            if target is not None:
                choice = self.solved.told(state, target, change.at_s - now_s, moment.active, GRID_S)
                return self._if_it_still_pays(choice, moment, state, target, change.at_s)
        return self._if_it_still_pays(int(self._choice[state][moment.active]), moment, state, state, now_s)

    def _if_it_still_pays(self, choice: int, moment: Moment, state: int, target: int, at_s: float) -> int:
        """Towards the end of the line: not a swap that would not pay if `target`, from `at_s` on, were the last."""
        left_s = self._end_s - moment.now_s
        if choice == moment.active or left_s > _LAST_S:
            return choice
        chain, active = self.solved.chain, moment.active
        swap_s = 0.0 if chain.free[state] else float(self.solved.swap_s[choice])
        lead_s = at_s - moment.now_s

        def won(net: int, from_s: float) -> float:
            first_s, then_s = max(0.0, lead_s - from_s), left_s - max(lead_s, from_s)
            return float(chain.rates[state, net] * first_s + chain.rates[target, net] * then_s)

        return choice if won(choice, swap_s) > won(active, 0.0) else active


def _model(setting: Setting, law: Law, sensitivity: tuple[float, ...]) -> Model:
    match law:
        case Levels():
            return LevelModel(setting, law)
        case Ramps():
            return RampModel(setting, law)
        case Flaps():
            return FlapModel(setting, law)
        case Bursts():
            return BurstModel(setting, law)
        case Contention():
            return ContentionModel(setting, law, sensitivity)
        case Heat():
            return HeatModel(setting, law, sensitivity)
        case _:
            assert_never(law)
