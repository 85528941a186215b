"""A decision as lines for a terminal."""

from __future__ import annotations

from agent.domain.decision import Candidate, Decision


def explain(decision: Decision) -> tuple[str, ...]:
    """The decision's own line, then every candidate, the most accurate first."""
    ranked = sorted(decision.candidates, key=lambda c: (-c.accuracy, c.subnet_id))
    return (f"{decision.action.value}: {decision.text}", *(_line(candidate, decision) for candidate in ranked))


def _line(candidate: Candidate, decision: Decision) -> str:
    mark = ">" if candidate.subnet_id == decision.target else "*" if candidate.subnet_id == decision.active else " "
    basis = f"{candidate.measured} results" if candidate.measured else "predicted"
    verdict = "fits" if candidate.feasible else candidate.why_not
    return (
        f"{mark} {candidate.subnet_id}  accuracy {candidate.accuracy:.3f}  service {candidate.service_bound_ms:.1f} ms"
        f"  latency {candidate.latency_bound_ms:.1f} ms  ({basis})  {verdict}"
    )
