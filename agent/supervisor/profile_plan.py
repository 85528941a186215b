"""Which sub-nets a profiling run measures, in which order, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.operation import ProfileAsk, ProfilePlan
from agent.domain.states import CameraState
from agent.errors import BadInput, Inhibited, LibraryError, Refused
from agent.supervisor.memory import Memory
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.situation import Situation
from agent.supervisor.source import SubnetSource

FIRST_SWAP_S = 3.0  # before any was measured: 2-4 s are typical (design/policy.md)
WARM_UP = 5  # results of a freshly loaded network that do not count
USABLE = (CameraState.ACTIVE, CameraState.IDLE, CameraState.SWAPPING)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that one net takes: to get there and, while it infers, to be measured."""

    swap_s: float
    results_s: float


class Planner:
    """Plans from what the memory of one camera knows by now; changes nothing."""

    def __init__(self, camera: str, memory: Memory, source: SubnetSource | None, settings: SupervisorSettings) -> None:
        self._camera = camera
        self._memory = memory
        self._source = source
        self._triggered = not settings.free_running
        self._frame_rate = settings.frame_rate

    def plan(self, ask: ProfileAsk, now: Situation) -> ProfilePlan:
        """The active net comes last, so that a run ends where it began.

        Raises BadInput for a sub-net that is not there, Refused where nothing may be measured now.
        """
        usable = self.usable(now.quarantined)
        for subnet_id in ask.validated().subnets:
            if subnet_id not in usable:
                why = now.quarantined.get(subnet_id, "not in the library, or nothing that this camera accepts")
                raise BadInput("subnet_ids", f"{subnet_id!r} cannot be measured: {why}")
        if now.state not in USABLE:
            raise Refused(f"camera {self._camera} is {now.state.value}: nothing can be measured on it")
        if not now.line_stopped and not ask.while_running:
            raise Refused(
                f"camera {self._camera}: the line is not reported as stopped, and a run costs it seconds of parts for "
                "each sub-net; report the line as stopped, or ask for a run while it runs"
            )
        if now.swaps_held:
            raise Inhibited(f"camera {self._camera}: {now.swaps_held}; nothing can be measured meanwhile")
        wanted = [one for one in usable if one in ask.subnets or not ask.subnets]
        if not wanted:
            raise Refused(f"camera {self._camera}: no sub-net can be measured")
        ordered = [one for one in wanted if one != now.active] + [one for one in wanted if one == now.active]
        costs = [self.cost(one, ask, now) for one in ordered]
        back_s = self.swap_s(now.active) if now.active is not None and now.active not in ordered else 0.0
        gap_s = sum(cost.swap_s for cost in costs) + back_s
        return ProfilePlan(tuple(ordered), ask.results, gap_s + sum(cost.results_s for cost in costs), gap_s)

    def usable(self, quarantined: Mapping[str, str]) -> list[str]:
        """Sub-nets that can be put on this camera, in the order of the library."""
        found = []
        for subnet in self._source.catalogue.subnets if self._source is not None else ():
            try:
                if self._source is not None:
                    self._source.artifact_digest(subnet.id)
            except LibraryError:
                continue
            if subnet.id not in quarantined:
                found.append(subnet.id)
        return found

    def swap_s(self, subnet_id: str) -> float:
        """How long a swap to it takes."""
        measured_s = self._memory.swap_s(subnet_id)
        return FIRST_SWAP_S if measured_s is None else measured_s

    def cost(self, subnet_id: str, ask: ProfileAsk, now: Situation) -> Cost:
        """What it takes in a run from here: each net is swapped to but the active one where it is the only one."""
        alone = subnet_id == now.active and ask.subnets == (subnet_id,)
        return Cost(0.0 if alone else self.swap_s(subnet_id), self.results_s(subnet_id, ask, now))

    def results_s(self, subnet_id: str, ask: ProfileAsk, now: Situation) -> float:
        """How long that many results take to come: at the network's pace, or at that of the frames or parts."""
        service_s = (self._memory.level_ms(subnet_id) or 0.0) / 1e3
        if now.line_stopped or not self._triggered:
            frames_s = 1.0 / self._frame_rate
        else:
            frames_s = 1.0 / now.parts_per_s if now.parts_per_s else 1.0
        return (ask.results + WARM_UP) * max(frames_s, service_s)
