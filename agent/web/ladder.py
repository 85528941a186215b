"""The ladder: every sub-net with what it promises, and why it runs or does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.domain.decision import Candidate, Decision
from agent.domain.snapshot import CameraSnapshot
from agent.domain.subnet import Catalogue
from agent.web.seen import Json, Reach
from agent.web.words import lasting, percent

MOST_SHOWN = 16
_QUARANTINED = "quarantined: "  # agent/policy/candidates.py


def reach_of(decision: Decision | None) -> Reach | None:
    """The best that any usable sub-net promises."""
    usable = [] if decision is None else [one for one in decision.candidates if _is_usable(one)]
    if not usable:
        return None
    return Reach(min(one.service_bound_ms for one in usable), min(one.latency_bound_ms for one in usable))


def ladder_json(snapshot: CameraSnapshot, catalogue: Catalogue | None) -> Json:
    """The rungs, the most accurate first; of many those about the one that runs, and how many there are."""
    decision = snapshot.decision
    if decision is None or catalogue is None:
        text = "The agent has not decided yet." if catalogue is not None else "No library is configured."
        return {"text": text, "rungs": [], "total": 0}
    ordered = sorted(decision.candidates, key=lambda one: (-one.accuracy, one.service_bound_ms))
    active = snapshot.active_subnet if snapshot.verified else None
    target = decision.target if snapshot.swap is None else snapshot.swap.to_subnet
    shown = _about([one.subnet_id for one in ordered], (active, target))
    rungs = [_rung(one, decision, active, target, catalogue) for one in ordered if one.subnet_id in shown]
    return {"text": decision.text[:1].upper() + decision.text[1:], "rungs": rungs, "total": len(ordered)}


def _about(ids: Sequence[str], wanted: tuple[str | None, ...]) -> frozenset[str]:
    """At most MOST_SHOWN of them: the fastest, those wanted, and the neighbours of these."""
    if len(ids) <= MOST_SHOWN:
        return frozenset(ids)
    places = [ids.index(one) for one in wanted if one is not None and one in ids] or [len(ids) - 1]
    distance = {name: min(abs(place - at) for at in places) for place, name in enumerate(ids)}
    return frozenset([ids[-1], *sorted(ids, key=lambda name: distance[name])][:MOST_SHOWN])


def _rung(one: Candidate, decision: Decision, active: str | None, target: str | None, catalogue: Catalogue) -> Json:
    subnet = catalogue.get(one.subnet_id)
    runs, wanted = one.subnet_id == active, one.subnet_id == target != active
    accuracy = None if subnet is None else subnet.accuracy
    return {
        "id": one.subnet_id,
        "accuracy": round(one.accuracy, 4),
        "low": None if accuracy is None else round(accuracy.ci95_low, 4),
        "high": None if accuracy is None else round(accuracy.ci95_high, 4),
        "service_ms": round(one.service_bound_ms, 1),
        "latency_ms": round(one.latency_bound_ms, 1),
        "measured": one.measured,
        "fits": one.feasible,
        "runs": runs,
        "wanted": wanted,
        "why": _why(one, decision, runs, wanted),
    }


def _why(one: Candidate, decision: Decision, runs: bool, wanted: bool) -> str:
    if wanted:
        return "comes next" if one.feasible else "comes next: the most likely to keep the budget"
    if runs:
        return _why_runs(one, decision)
    if not one.feasible:
        return _lack(one.why_not)
    best = next((c for c in decision.candidates if c.subnet_id == (decision.target or decision.active)), None)
    if best is not None and one.accuracy <= best.accuracy:
        return f"fits, but is right less often ({percent(one.accuracy)})"
    return _not_worth({figure.name: figure.value for figure in one.figures})


def _why_runs(one: Candidate, decision: Decision) -> str:
    if not one.feasible:
        return f"runs, though {_lack(one.why_not)}"
    better = any(other.feasible and other.accuracy > one.accuracy for other in decision.candidates)
    return "keeps the budget; a better one is not worth a swap" if better else "the most accurate that keeps the budget"


def _not_worth(figures: Mapping[str, float]) -> str:
    gap_s, pays_s = figures.get("gap"), figures.get("pays_after")
    if gap_s is None:
        return "fits; a swap to it is not worth its gap now"
    pays = "" if pays_s is None else f", which pays only if the line stays so for {lasting(pays_s)}"
    return f"fits, but a swap costs {gap_s:.1f} s without results{pays}"


def _is_usable(one: Candidate) -> bool:
    """Whether it may be uploaded at all: what it lacks is speed or accuracy."""
    return not one.why_not.startswith(_QUARANTINED)


def _lack(why_not: str) -> str:
    """`too slow: latency 107.0 ms > 80.0 ms`."""
    if not why_not:
        return "does not fit"
    if why_not.startswith(_QUARANTINED):
        return f"set aside: {why_not.removeprefix(_QUARANTINED)}"
    return f"{'not accurate enough' if why_not.startswith('accuracy') else 'too slow'}: {why_not}"
