"""The policies that a replay knows by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from agent.errors import BadInput
from agent.replay.line import Line
from agent.replay.policies.foresight import LookAhead
from agent.replay.policies.online import Fixed, SkiRental, WorkFunction
from agent.replay.policies.published import AdaMls, Alert, DynamicOfa, GreedyCooldown, GreedyP99, InfAdapter
from agent.replay.policies.shipped import Shipped
from agent.replay.score import best_fixed
from agent.replay.simulation import Policy

SHIPPED = "dwell"
BEST_FIXED = "best_fixed"
OPTIMUM = "optimum"
ORACLES = ("lookahead_1s", "lookahead_5s", "lookahead_30s")

# Each is made for one run; only hindsight and the oracles look at more of the line than its ladder.
POLICIES: Mapping[str, Callable[[Line], Policy]] = MappingProxyType(
    {
        SHIPPED: lambda line: Shipped(line.ladder),
        "dwell_profiled": lambda line: Shipped(line.ladder).profiled(),
        BEST_FIXED: lambda line: Fixed(line.ladder, best_fixed(line)),
        "always_fastest": lambda line: Fixed(line.ladder, line.ladder.by_speed[0]),
        "dynamic_ofa": lambda line: DynamicOfa(line.ladder),
        "alert": lambda line: Alert(line.ladder),
        "greedy_p99": lambda line: GreedyP99(line.ladder),
        "adamls": lambda line: AdaMls(line.ladder),
        "greedy_cooldown": lambda line: GreedyCooldown(line.ladder),
        "infadapter": lambda line: InfAdapter(line.ladder, beta=0.02),
        "infadapter_b20": lambda line: InfAdapter(line.ladder, beta=0.2),
        "ski_rental": lambda line: SkiRental(line.ladder),
        "work_function": lambda line: WorkFunction(line.ladder),
        "lookahead_1s": lambda line: LookAhead(line, 1.0),
        "lookahead_5s": lambda line: LookAhead(line, 5.0),
        "lookahead_30s": lambda line: LookAhead(line, 30.0),
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
