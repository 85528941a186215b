"""What is trained when: stages, their share of the budget, and the learning rate."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Literal

from agent.builder.train.spec import SupernetSpec

Method = Literal["warm-up", "sandwich", "shrinking"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One training stage: what is sampled, how, for how long, at which peak learning rate.

    `share` is a fraction of its method's budget. `nets` counts sub-nets a step (sandwich: 4, fixed).
    """

    name: str
    method: Method
    share: float
    peak_lr: float
    ks: tuple[int, ...]
    e: tuple[int, ...]
    d: tuple[int, ...]
    r: tuple[int, ...]
    nets: int = 1
    warm_up_share: float = 0.02
    sorts_channels: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """When a stage ends: after `steps`, or if that is None after `seconds` of wall time."""

    steps: int | None = None
    seconds: float = math.inf

    def scaled(self, share: float) -> Limit:
        """A share of this limit; at least one step."""
        steps = None if self.steps is None else max(1, round(self.steps * share))
        return Limit(steps, self.seconds * share)


@dataclass(slots=True)
class Clock:
    """Progress of one stage. `spent_s` is the time before `started_s` (resumed runs)."""

    limit: Limit
    started_s: float
    spent_s: float = 0.0
    step: int = 0

    @classmethod
    def start(cls, limit: Limit, spent_s: float = 0.0, step: int = 0) -> Clock:
        """A clock that runs from now."""
        return cls(limit, time.monotonic(), spent_s, step)

    def elapsed_s(self) -> float:
        """Wall time of the stage over all resumes."""
        return self.spent_s + time.monotonic() - self.started_s

    def progress(self) -> float:
        """0 at the start of the stage, 1 or more when it is over."""
        if self.limit.steps is not None:
            return self.step / self.limit.steps
        return self.elapsed_s() / self.limit.seconds


def learning_rate(stage: Stage, progress: float) -> float:
    """Linear rise over `warm_up_share`, then half a cosine to zero."""
    rise = min(1.0, progress / stage.warm_up_share) if stage.warm_up_share else 1.0
    return stage.peak_lr * rise * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def warm_up(spec: SupernetSpec) -> tuple[Stage, ...]:
    """Stage A: the largest sub-net alone. Small inputs are left out: they cost accuracy at the largest."""
    big = spec.largest()
    sides = tuple(sorted(spec.r))[-3:]
    return (Stage("warm-up", "warm-up", 1.0, 0.1, big.ks[:1], big.e[:1], big.d[:1], sides, warm_up_share=0.05),)


def sandwich(spec: SupernetSpec) -> tuple[Stage, ...]:
    """Largest, smallest and two random sub-nets a step, distilled in place."""
    return (Stage("sandwich", "sandwich", 1.0, 0.06, spec.ks, spec.e, spec.d, spec.r, nets=4),)


def shrinking(spec: SupernetSpec) -> tuple[Stage, ...]:
    """Progressive shrinking: kernel, then depth, then expansion, each choice opened from the largest down.

    Shares and nets a step follow once-for-all (facts/ofa.md 1.9) in proportion, not in length.
    """
    ks, e, d = (tuple(sorted(choice, reverse=True)) for choice in (spec.ks, spec.e, spec.d))
    kernel = Stage("kernel", "shrinking", 0.15, 0.03, ks, e[:1], d[:1], spec.r)
    depth1 = replace(kernel, name="depth-1", share=0.12, d=d[:2], nets=2)
    depth2 = replace(kernel, name="depth-2", share=0.2, d=d, nets=2)
    expand1 = replace(depth2, name="expand-1", share=0.18, e=e[:2], sorts_channels=True)
    expand2 = replace(expand1, name="expand-2", share=0.35, e=e, nets=3)
    return kernel, depth1, depth2, expand1, expand2
