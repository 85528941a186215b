"""The snapshot of a camera, put together from what the parts of its supervisor own."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.decision import Action, Decision, Reason
from agent.domain.device import Health
from agent.domain.notice import AnnouncedChange, LineState
from agent.domain.orders import Orders
from agent.domain.snapshot import CameraSnapshot, ComingSwap, LatencyFigures, Proof
from agent.domain.states import CameraState, Degraded
from agent.supervisor.actor import Actor
from agent.supervisor.claims import ClaimBook


def degraded(
    actor: Actor, decision: Decision | None, retired: bool, stale_profiles: bool = False
) -> tuple[Degraded, ...]:
    """Why an ACTIVE camera is not as wanted, most serious first; empty in any other state."""
    installed = actor.installed
    if actor.state is not CameraState.ACTIVE or installed is None:
        return ()
    reasons = []
    if decision is not None and decision.reason is Reason.PINNED:
        if not decision.feasible:
            reasons.append(Degraded.OVER_BUDGET)
    elif decision is not None and not decision.feasible:
        reasons.append(Degraded.INFEASIBLE)
    elif decision is not None and decision.action is Action.HOLD and not _meets(decision):
        reasons.append(Degraded.OVER_BUDGET)
    if actor.rolled_back:
        reasons.append(Degraded.ROLLED_BACK)
    if retired:
        reasons.append(Degraded.RETIRED)
    if not installed.self_tested:
        reasons.append(Degraded.UNVERIFIED_IMAGE)
    if stale_profiles:
        reasons.append(Degraded.STALE_PROFILE)
    return tuple(reasons)


def _meets(decision: Decision) -> bool:
    return any(c.feasible for c in decision.candidates if c.subnet_id == decision.active)


def compose(
    camera: str,
    revision: int,
    actor: Actor,
    claims: ClaimBook,
    decision: Decision | None,
    latency: LatencyFigures | None,
    load: float | None,
    health: Health | None,
    line: LineState,
    changes: tuple[AnnouncedChange, ...],
    coming: ComingSwap | None,
    stale_profiles: bool,
    retired: bool,
    orders: Orders,
    permit_boot_ns: int | None,
    etag: str,
    settled: bool,
) -> CameraSnapshot:
    """One frozen value of everything a reader may want to know."""
    installed = actor.installed
    return CameraSnapshot(
        camera=camera,
        revision=revision,
        state=actor.state,
        degraded=degraded(actor, decision, retired, stale_profiles),
        detail=actor.machine.detail,
        info=actor.info,
        active_subnet=installed.subnet_id if installed else None,
        generation=installed.generation if installed else None,
        verified=actor.infers,
        budget=claims.effective,
        claims=claims.claims,
        decision=decision,
        latency=latency,
        load=load,
        swap=actor.running,
        health=health,
        swaps_total=actor.swaps_total,
        verified_by=_proof(actor),
        line=line,
        changes=changes,
        coming=coming,
        orders=orders,
        permit_boot_ns=permit_boot_ns,
        etag=etag,
        settled=settled,
    )


def _proof(actor: Actor) -> Proof | None:
    if actor.installed is None or not actor.infers:
        return None
    return Proof.GOLDEN_IMAGES if actor.installed.self_tested else Proof.PROPERTIES


def same_but_revision(a: CameraSnapshot | None, b: CameraSnapshot) -> bool:
    """Whether nothing a reader would see has changed."""
    return a is not None and replace(a, revision=b.revision) == b
