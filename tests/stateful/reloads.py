"""The promise about reloads of the config: what was answered is in force, whole, and also after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.pb.ofa_agent.v1 import types_pb2
from tests.stateful.device import Plate
from tests.stateful.model import Attempt, Model, Write, readable
from tests.stateful.record import ETERNITY_NS, Broken


def a_reload_that_was_answered_is_in_force(model: Model, _: Mapping[str, Plate]) -> None:
    """And nothing else is, over restarts, which read the file as it then is."""
    if model.record.setting.scheduled:
        return
    writes = [write for attempt in model.attempts["ReloadConfig"] for write in _writes(model, attempt)]
    writes += model.record.loads
    for seen in model.moments:
        budget = seen.status.budget
        if budget.priority != types_pb2.BUDGET_PRIORITY_DEFAULT or budget.fail_safe:
            continue
        value = budget.budget.max_latency_ms
        why = readable(writes, None, value, seen.began_ns, seen.ended_ns)
        if why:
            about = model.record.excerpt(*model.record.of("ReloadConfig"), seen)
            raise Broken(f"the default budget of {seen.status.camera} is {value:g} ms, but {why}\n{about}")


def _writes(model: Model, attempt: Attempt) -> list[Write]:
    """What it may have taken over: all that the file said while it was read; surely where that was one thing."""
    if attempt.refused:
        return []
    contents, lo_ns = model.record.contents, attempt.lo_ns
    before = [one for one in contents if one.since_ns <= lo_ns][-1:]
    during = [one for one in contents if lo_ns < one.since_ns <= attempt.hi_ns]
    values = {one.latency_ms for one in (*before, *during)}
    sure = attempt.done is not None and len(values) == 1
    made = [attempt.write(value) for value in values if value is not None]
    return made if sure else [replace(one, sure=False, hi_ns=ETERNITY_NS) for one in made]
