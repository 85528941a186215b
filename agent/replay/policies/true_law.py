"""The best that a policy without foresight can do: one that is told the law that a line was drawn from.

It knows how long levels, rushes, slow-downs and whatever else the scenario has last and what follows them, how service
times scatter and how each net slows down; of the hour it knows what has been until now, and with notice what is told.
Approximations are those of the solver and of each model; a policy can beat it on a single hour by luck, not on many.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from agent.errors import BadInput
from agent.replay.ladder import Ladder, Net
from agent.replay.laws import LAWS, Bursts, Contention, Flaps, Heat, Law, Levels, Ramps
from agent.replay.line import GRID_S, Line, Noise
from agent.replay.lineshift import LevelLaw
from agent.replay.policies.true_law_lines import BurstModel, FlapModel, LevelModel, Model, RampModel, Setting
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


_NORMAL = NormalDist()
_AGES = 600  # steps of age for two medians; values further on are those of the last age
_MEDIANS = 8.0  # a dwell of sigma .7 is longer in 1 of 700 cases
_SWEEPS = 400
_SETTLED = 1e-4  # of a part


class TrueLaw:
    """Carries out the solution: the level is read off the limit, its age counted from the last change."""

    def __init__(self, ladder: Ladder, law: LevelLaw) -> None:
        self._levels = np.array(law.levels_ms)
        self._solved = _solve(ladder.nets, law)
        self._limit_ms, self._since_s = 0.0, 0.0

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:  # noqa: ARG002
        self._limit_ms = state.limit_ms
        return int(self._solved.held[0, self._level()].argmax())

    def observe(self, net: int, service_ms: Floats) -> None:
        """Knows the law of service times."""

    def decide(self, moment: Moment) -> int:
        if moment.state.limit_ms != self._limit_ms:
            self._limit_ms, self._since_s = moment.state.limit_ms, moment.now_s
        solved, level = self._solved, self._level()
        if moment.state.stopped:
            return int(solved.next_level[level].argmax())
        age = min(int((moment.now_s - self._since_s) / solved.step_s), len(solved.target) - 1)
        return int(solved.target[age, level]) if solved.leaves[age, level, moment.active] else moment.active

    def _level(self) -> int:
        return int(np.abs(self._levels - self._limit_ms).argmin())


@dataclass(frozen=True, slots=True)
class _Solved:
    """By (age, level, net): value of holding it; whether it is left; by (age, level): for which net.

    `next_level`, by (level, net): value of holding it when the next level begins.
    """

    step_s: float
    held: Floats
    leaves: NDArray[np.bool_]
    target: NDArray[np.intp]
    next_level: Floats


@lru_cache(maxsize=8)
def _solve(nets: tuple[Net, ...], law: LevelLaw) -> _Solved:
    ladder = Ladder(nets)
    step_s = 2.0 * law.median_s / _AGES
    ages = int(_MEDIANS * law.median_s / step_s)
    alive = np.array([law.survival(age * step_s) for age in range(ages + 1)])
    ends = 1.0 - alive[1:] / alive[:-1]
    rates = _rates(ladder, law)
    best = rates.max(axis=1, keepdims=True)
    loss = rates - best
    jumps = np.maximum(1, np.rint(ladder.swap_s / step_s).astype(np.intp))
    landing = np.minimum(np.arange(ages)[:, None] + jumps, ages)
    lasts = alive[landing] / alive[:ages, None]
    price = best * ladder.swap_s
    held = np.zeros((ages + 1, *loss.shape))
    leaves = np.zeros((ages, *loss.shape), dtype=np.bool_)
    target = np.zeros((ages, len(loss)), dtype=np.intp)
    levels, every = len(loss), np.arange(len(ladder.nets))
    entered = np.zeros_like(loss)
    for _ in range(_SWEEPS):
        held[ages] = loss * step_s / ends[-1] + entered
        for age in range(ages - 1, -1, -1):
            end = ends[age]
            stay = loss * step_s * (1.0 - end / 2) + (1.0 - end) * held[age + 1] + end * entered
            swap = lasts[age] * held[landing[age], :, every].T + (1.0 - lasts[age]) * entered - price
            target[age] = swap.argmax(axis=1)
            gain = swap.max(axis=1, keepdims=True)
            leaves[age] = gain > stay + 1e-9
            held[age] = np.maximum(stay, gain)
        following = (held[0].sum(axis=0) - held[0]) / (levels - 1)
        following = following - following.max(axis=1, keepdims=True)
        before, entered = entered, (1.0 - law.stop_share) * following  # in a stop the best net costs nothing
        if np.abs(entered - before).max() < _SETTLED:
            return _Solved(step_s, held, leaves, target, following)
    raise ArithmeticError(f"values of {law} have not settled after {_SWEEPS} sweeps")


def _rates(ladder: Ladder, law: LevelLaw) -> Floats:
    """(level, net): accuracies a second, by the probability of being in time."""
    limits = np.array(law.levels_ms)[:, None]
    odds = np.log(limits / ladder.service_ms) / law.noise_sigma
    met = np.array([[_NORMAL.cdf(one) for one in row] for row in odds.tolist()])
    return np.asarray(1000.0 / limits * ladder.top1 * met)
