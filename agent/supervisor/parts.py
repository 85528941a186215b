"""What the composition root lends to a supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.domain.decision import Account, Action, Decision, Reason
from agent.domain.device import Camera
from agent.domain.journal import Journal
from agent.domain.line import View
from agent.domain.meter import NO_METER, CameraMeter
from agent.errors import LibraryError
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
    alarms: StandingAlarms | None = None  # of the whole agent; without one a camera keeps its own
    meter: CameraMeter = NO_METER


def policy_settings(chosen: SupervisorSettings) -> PolicySettings:
    """What the policy is told of them."""
    return PolicySettings(
        chosen.min_dwell_s, chosen.infeasible, chosen.free_running, chosen.results_wait, chosen.miss_cost
    )


def policy_of(chosen: SupervisorSettings, source: SubnetSource | None) -> SwapPolicy | None:
    """The policy of one camera; None without a library: there is nothing to choose from."""
    return None if source is None else SwapPolicy(source.catalogue, policy_settings(chosen))


def streams_only(view: View) -> Decision:
    """What is decided where there is no policy."""
    text = "no library is configured: the camera only streams"
    return Decision(Action.NONE, Reason.EMPTY, None, view.active_id, view.demand.effective, False, Account((), text))


def usable_of(source: SubnetSource | None) -> frozenset[str]:
    """Sub-nets of the library that have a format which the camera takes."""
    found = set()
    for subnet in source.catalogue.subnets if source is not None else ():
        try:
            if source is not None:
                source.artifact_digest(subnet.id)
        except LibraryError:
            continue
        found.add(subnet.id)
    return frozenset(found)
