"""The alarms that follow from what a camera's status says: looked at every tick, raised and cleared by its desk."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from agent.domain.alarms import AlarmKey
from agent.domain.decision import Action, Decision, Reason
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState, Degraded
from agent.supervisor.alarms import AlarmDesk

SILENT_S = 10.0  # longer than a trigger's hiccup and any first result after a swap
SILENT_PARTS = 20  # and so many parts that should have come
_OF_DECISION: tuple[AlarmKey, ...] = ("infeasible", "pin_over_budget", "swap_inhibited")
_READY = (CameraState.IDLE, CameraState.ACTIVE)

# A text where the cause is there, None where it is gone; a key that is missing cannot be told now.
Causes = Mapping[AlarmKey, str | None]


@dataclass(frozen=True, slots=True)
class Flow:
    """How results come: `published` so far, and how many are asked for a second (None: nobody knows)."""

    published: int
    asked_per_s: float | None
    free_running: bool


def standing_causes(now: CameraSnapshot, usable: Set[str] | None) -> Causes:
    """What one look tells; the flow of results takes two. `usable` as in Vigil.look."""
    found: dict[AlarmKey, str | None] = {}
    found["camera_faulted"] = now.detail if now.state is CameraState.FAULTED else None
    if not usable:  # then no budget can be broken
        found |= dict.fromkeys(_OF_DECISION)
    unusable = usable is not None and not usable
    found["no_usable_subnet"] = "no sub-net of the library is in an accepted format" if unusable else None
    if now.state is CameraState.ACTIVE:
        stale = Degraded.STALE_PROFILE in now.degraded
        found["profiles_stale"] = "some sub-nets were measured too long ago or on another camera" if stale else None
    if now.decision is not None and usable and now.state in _READY:
        found |= _of_decision(now, now.decision)
    return found


def _of_decision(now: CameraSnapshot, decision: Decision) -> Causes:
    pin = now.orders.pin
    pinned = pin is not None and pin.subnet_id in (decision.active, decision.target)
    over = not decision.feasible
    held = decision.action is Action.HOLD and decision.reason is Reason.INHIBITED and decision.budget.fail_safe
    return {
        "infeasible": decision.text if over and not pinned else None,
        "pin_over_budget": decision.text if over and pinned else None,
        "swap_inhibited": decision.text if held else None,
    }


class Vigil:
    """Owner of what one camera's alarms need to remember from one look to the next; event-loop side only."""

    def __init__(self, alarms: AlarmDesk) -> None:
        self._alarms = alarms
        self._published = 0
        self._quiet_since_ns: int | None = None

    async def look(self, now: CameraSnapshot, usable: Set[str] | None, flow: Flow, now_ns: int) -> None:
        """Raise what is there and clear what is gone.

        `usable`: the sub-nets that can be put on the camera, None without a library; `now_ns` on the monotonic clock.
        """
        active = self._alarms.active
        for key, text in {**standing_causes(now, usable), **self._silence(now, flow, now_ns)}.items():
            if text is not None:
                await self._alarms.raised(key, text)
            elif key in active:
                await self._alarms.cleared(key)
        await self._alarms.keep()

    def _silence(self, now: CameraSnapshot, flow: Flow, now_ns: int) -> Causes:
        """Results that should come: a free-running camera always infers, a triggered one when a client says that parts
        pass."""
        came, self._published = flow.published != self._published, flow.published
        told = bool(now.line.reports) and not now.line.stopped
        due = now.state is CameraState.ACTIVE and now.verified and (flow.free_running or told)
        if came or not due or not flow.asked_per_s:
            self._quiet_since_ns = None
            return {"results_stopped": None} if came or now.line.stopped or not now.verified else {}
        if self._quiet_since_ns is None:
            self._quiet_since_ns = now_ns
        quiet_s = (now_ns - self._quiet_since_ns) / 1e9
        if quiet_s <= max(SILENT_S, SILENT_PARTS / flow.asked_per_s):
            return {}
        return {
            "results_stopped": f"no result for {quiet_s:.0f} s, though {flow.asked_per_s:.3g} a second are asked for"
        }
