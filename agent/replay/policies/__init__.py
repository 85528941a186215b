"""The policies that a replay knows by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Protocol

from agent.errors import BadInput
from agent.replay.line import Line
from agent.replay.policies.foresight import LookAhead
from agent.replay.policies.online import Fixed, SkiRental, WorkFunction
from agent.replay.policies.published import AdaMls, Alert, DynamicOfa, GreedyCooldown, GreedyP99, InfAdapter
from agent.replay.policies.shipped import QUANTILE, Shipped
from agent.replay.score import best_fixed
from agent.replay.simulation import Policy

SHIPPED = "dwell"
BEST_FIXED = "best_fixed"
OPTIMUM = "optimum"
ORACLES = ("lookahead_1s", "lookahead_5s", "lookahead_30s")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is promised: the share of results that must be in time, and how early each change is announced."""

    quantile: float = QUANTILE
    notice_s: float = 0.0


USUAL = Terms()


class Maker(Protocol):
    """Makes a policy for one run."""

    def __call__(self, line: Line, terms: Terms = USUAL) -> Policy: ...


def _shipped(line: Line, terms: Terms = USUAL) -> Shipped:
    return Shipped(line.ladder, terms.quantile, terms.notice_s, line.noise)


def _of(make: Callable[[Line], Policy]) -> Maker:
    """A policy that takes no notice and keeps to the quantile of its source."""
    return lambda line, terms=USUAL: make(line)  # noqa: ARG005


# Only hindsight and the oracles look at more of the line than its ladder.
POLICIES: Mapping[str, Maker] = MappingProxyType(
    {
        SHIPPED: _shipped,
        BEST_FIXED: _of(lambda line: Fixed(line.ladder, best_fixed(line))),
        "always_fastest": _of(lambda line: Fixed(line.ladder, line.ladder.by_speed[0])),
        "dynamic_ofa": _of(lambda line: DynamicOfa(line.ladder)),
        "alert": _of(lambda line: Alert(line.ladder)),
        "greedy_p99": _of(lambda line: GreedyP99(line.ladder)),
        "adamls": _of(lambda line: AdaMls(line.ladder)),
        "greedy_cooldown": _of(lambda line: GreedyCooldown(line.ladder)),
        "infadapter": _of(lambda line: InfAdapter(line.ladder, beta=0.02)),
        "infadapter_b20": _of(lambda line: InfAdapter(line.ladder, beta=0.2)),
        "ski_rental": _of(lambda line: SkiRental(line.ladder)),
        "work_function": _of(lambda line: WorkFunction(line.ladder)),
        "lookahead_1s": _of(lambda line: LookAhead(line, 1.0)),
        "lookahead_5s": _of(lambda line: LookAhead(line, 5.0)),
        "lookahead_30s": _of(lambda line: LookAhead(line, 30.0)),
    }
)


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, `all` spelt out. Raises BadInput for an unknown one."""
    found: dict[str, None] = {}
    for name in names:
        if name == "all":
            found |= dict.fromkeys(POLICIES)
        elif name in POLICIES or name == OPTIMUM:
            found[name] = None
        else:
            near = get_close_matches(name, POLICIES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise BadInput("policy", f"{name!r} is unknown{hint} Known: all, {', '.join(POLICIES)}, {OPTIMUM}")
    return tuple(found)
