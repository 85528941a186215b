"""Runs that begin with what an earlier one had learned, as after a restart of the daemon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from agent.replay.line import Line
from agent.replay.policies import Maker, Terms
from agent.replay.simulation import Run, simulate


@runtime_checkable
class Learner(Protocol):
    """A policy that keeps what it learned across restarts."""

    def saved(self) -> Mapping[str, object]:
        """What was learned, as JSON."""
        ...

    def restore(self, saved: Mapping[str, object]) -> None:
        """Begin with what an earlier run had learned."""
        ...


def play(make: Maker, line: Line, terms: Terms, before: Line | None = None) -> Run:
    """The run on `line`. Where there is a line `before`, another policy of the same making meets that first, and what
    it saved goes through JSON to the one that is run. Raises TypeError if that is asked of a policy that keeps nothing,
    ValueError if what it saves is no JSON.
    """
    policy = make(line, terms)
    if before is not None:
        learner = make(before, terms)
        if not (isinstance(learner, Learner) and isinstance(policy, Learner)):
            raise TypeError(f"{type(policy).__name__} keeps nothing: it has no saved() and restore()")
        simulate(before, learner, terms.notice_s)
        policy.restore(json.loads(json.dumps(learner.saved(), allow_nan=False)))
    return simulate(line, policy, terms.notice_s)
