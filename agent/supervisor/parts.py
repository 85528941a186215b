"""What the composition root lends to a supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.domain.device import Camera
from agent.domain.journal import Journal
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.group import SwapGroup
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.source import SubnetSource


@dataclass(frozen=True, slots=True)
class Parts:
    """Owned by whoever made them; see each type."""

    camera: Camera
    journal: Journal
    clock: Clock
    settings: SupervisorSettings
    source: SubnetSource | None
    new_id: Callable[[], str]
    boot_id: str
    group: SwapGroup | None = None  # cameras of one line that must not be blind all at once
    alarms: StandingAlarms | None = None  # of the whole agent; without one the camera keeps its own


def policy_of(parts: Parts) -> SwapPolicy | None:
    """The policy of one camera; None without a library: there is nothing to choose from."""
    if parts.source is None:
        return None
    chosen = parts.settings
    settings = PolicySettings(
        chosen.min_dwell_s, chosen.infeasible, chosen.free_running, chosen.results_wait, chosen.miss_cost
    )
    return SwapPolicy(parts.source.catalogue, settings)
