"""Entries of the audit for what the agent does without being asked: swaps, ends of claims, its own start and stop.

Their client is `ofa-agent`. `asked`, `before` and `after` are JSON in one line: what it did and why, what was there
before, what is there now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.domain.audit import AuditEntry, one_line
from agent.domain.budget import Claim
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.reload import ReloadOutcome, ReloadReport

AGENT = "ofa-agent"
LONGEST_WORDS = 1000  # of an error's text
LONGEST_CHANGES = 4096  # of what a reload changed with its values; of more only the keys are told
MOST_KEYS = 100
UNANSWERED = "UNANSWERED"  # the outcome of a change after which the agent died before it could answer
_EXPIRED = {"expired": "ClaimExpired", "lapsed": "ChangeLapsed"}


def swap_entry(swap: SwapRecord, cause: Mapping[str, object]) -> AuditEntry:
    """How a swap ended, also one that never began; `cause`: what is known of why it was wanted."""
    verified = swap.outcome is SwapOutcome.VERIFIED
    asked: dict[str, object] = {
        "budget_id": swap.budget_id,
        "reason": swap.reason,
        "swap_id": swap.id,
        "to": swap.to_subnet,
        **cause,
    }
    after = {"generation": swap.generation, "subnet": swap.active_subnet}
    if swap.error is not None:
        after |= {"error": swap.error[:LONGEST_WORDS], "failed_step": swap.failed_step}
    return AuditEntry(
        client=AGENT,
        origin="supervisor",
        method="Swap",
        camera=swap.camera,
        outcome="OK" if verified else swap.outcome.name,
        reason=swap.error_reason or "",
        asked=one_line(_told(asked)),
        before=one_line(_told({"subnet": swap.from_subnet})),
        after="" if swap.outcome is SwapOutcome.INTERRUPTED else one_line(_told(after)),
    )


def claim_ended(claim: Claim, why: str) -> AuditEntry | None:
    """The entry of a claim that ended by itself; None for one that somebody took back or replaced."""
    method = _EXPIRED.get(why)
    if method is None:
        return None
    held = {"client": claim.client, "claim_id": claim.id, "kind": claim.kind.value}
    return _own("claims", method, held, {"held": True}, {"held": False}, claim.camera)


def fail_safe_entry(camera: str, client: str, on: bool) -> AuditEntry:
    """The fail-safe budget has come into force since that client's lease expired, or somebody has answered."""
    return _own("claims", "FailSafe", {"lease_of": client}, {"in_force": not on}, {"in_force": on}, camera)


def started_entry(version: str, config_sha256: str, before: Mapping[str, object]) -> AuditEntry:
    """The agent runs from now on; `before`: what is known of the run before."""
    asked = {"config_sha256": config_sha256, "version": version}
    return _own("agent", "AgentStarted", asked, before, {"running": True})


def stopped_entry(version: str, config_sha256: str) -> AuditEntry:
    """The agent ends in order."""
    asked = {"config_sha256": config_sha256, "version": version}
    return _own("agent", "AgentStopped", asked, {"running": True}, {"running": False})


def reloaded_entry(report: ReloadReport, before_sha256: str, after_sha256: str) -> AuditEntry:
    """Another config was taken over, or refused without anybody there to hear it."""
    changes = [{"after": one.after, "before": one.before, "key": one.key} for one in report.changes]
    asked = {
        "changes": changes
        if len(one_line(changes)) <= LONGEST_CHANGES
        else [one.key for one in report.changes][:MOST_KEYS],
        "error": report.error[:LONGEST_WORDS] or None,
        "origin": report.origin.value,
    }
    entry = _own("config", "ConfigReloaded", asked, {"config_sha256": before_sha256}, {"config_sha256": after_sha256})
    applied = report.outcome is ReloadOutcome.APPLIED
    return entry if applied else replace(entry, outcome=report.outcome.name)


def broken_entry(why: str) -> AuditEntry:
    """What does not hold of the entries before this one."""
    return _own("journal", "AuditBroken", {"why": why[:LONGEST_WORDS]}, {}, {})


def _own(
    origin: str,
    method: str,
    asked: Mapping[str, object],
    before: Mapping[str, object],
    after: Mapping[str, object],
    camera: str = "",
) -> AuditEntry:
    told = [one_line(_told(one)) if one else "" for one in (asked, before, after)]
    return AuditEntry(
        client=AGENT,
        origin=origin,
        method=method,
        camera=camera,
        outcome="OK",
        asked=told[0],
        before=told[1],
        after=told[2],
    )


def _told(fields: Mapping[str, object]) -> dict[str, object]:
    """Without what is not known."""
    return {key: value for key, value in fields.items() if value is not None}
