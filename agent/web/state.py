"""The one big word of a camera, and the smaller ones beside it. Pure.

A person who walks up asks, in this order: does it inspect at all? does somebody steer it? does it keep up? is it as it
should be? is that meant to be so? The first rule that holds gives the word; those behind it that hold too are told
beside it.

    FAULTED  DISCONNECTED  CONNECTING     no camera, or one without a network that may be trusted
    ROLLING BACK  SWAPPING                no results while the network is changed
    IDLE  STOPPED  NO RESULTS             connected, and yet nothing is inspected
    FAIL-SAFE                             whoever steered it is gone
    OVER BUDGET                           parts come faster than they are judged
    DEGRADED                              it inspects, but not as it was meant to
    LINE STOPPED  MAINTENANCE  PINNED  MANUAL    somebody wants it so
    RUNNING
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.domain.orders import Mode
from agent.domain.serving import infers
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.web.seen import Seen
from agent.web.words import budget_words, lasting, ms

Tone = Literal["good", "busy", "warn", "bad", "off"]
LONGEST = 110  # characters of a reason below the big word
QUIET_S = 5.0  # as health checks have it
QUIET_PARTS = 3  # on a slow line so many parts may be late before anybody worries


@dataclass(frozen=True, slots=True)
class StateWord:
    """`tone` is the colour and the shape, as severities of alarms have them: bad for critical; `why` is a sentence."""

    word: str
    tone: Tone
    why: str


def state_word(seen: Seen) -> StateWord:
    """The big one."""
    return next(found for rule in RULES if (found := rule(seen)) is not None)


def further_words(seen: Seen) -> tuple[StateWord, ...]:
    """What else holds and has a rule of its own; RUNNING is never beside another."""
    holding = [found for rule in RULES[:-1] if (found := rule(seen)) is not None]
    return tuple(holding[1:])


def quiet_for_s(seen: Seen) -> float | None:
    """Seconds since the last frame, where frames should come and have not for too long."""
    snapshot = seen.snapshot
    if seen.frame_mono_ns is None or snapshot.line.stopped:
        return None
    age_s = (seen.moment.mono_ns - seen.frame_mono_ns) / 1e9
    per_minute = snapshot.line.parts_per_minute or snapshot.budget.budget.parts_per_minute
    patience_s = max(QUIET_S, QUIET_PARTS * 60.0 / per_minute) if per_minute else QUIET_S
    return age_s if age_s > patience_s else None


def _faulted(seen: Seen) -> StateWord | None:
    if seen.snapshot.state is not CameraState.FAULTED:
        return None
    said = seen.snapshot.detail or "a swap failed, and the way back failed too"
    return StateWord(
        "FAULTED", "bad", f"No trusted network on the camera, nothing is inspected. {_sentence(_short(said))}"
    )


def _disconnected(seen: Seen) -> StateWord | None:
    state, lost = seen.snapshot.state, seen.alarm("camera_lost")
    if state is CameraState.DISCONNECTED or (state is CameraState.CONNECTING and lost is not None):
        said = _short(lost.text if lost is not None else seen.snapshot.detail or "not connected yet")
        since = "" if lost is None else f" for {lasting((seen.moment.wall_ns - lost.raised_wall_ns) / 1e9)}"
        return StateWord(
            "DISCONNECTED", "bad", f"The camera has been gone{since}, nothing is inspected. {_sentence(said)}"
        )
    return None


def _connecting(seen: Seen) -> StateWord | None:
    if seen.snapshot.state is not CameraState.CONNECTING or seen.alarm("camera_lost") is not None:
        return None  # one that was lost is tried again and again
    return StateWord("CONNECTING", "busy", "The agent opens the camera and looks which network is on it.")


def _rolling_back(seen: Seen) -> StateWord | None:
    swap = seen.snapshot.swap
    if seen.snapshot.state is not CameraState.SWAPPING or swap is None or swap.stage is not SwapStage.ROLLING_BACK:
        return None
    return StateWord("ROLLING BACK", "warn", f"The swap to {swap.to_subnet} failed; the network before it comes back.")


def _swapping(seen: Seen) -> StateWord | None:
    swap = seen.snapshot.swap
    if seen.snapshot.state is not CameraState.SWAPPING or (swap and swap.stage is SwapStage.WAITING_PERMIT):
        return None
    if swap is None:
        return StateWord("SWAPPING", "busy", "The network is being changed.")
    blind = "the old network still inspects" if infers(seen.snapshot) else "no results until it is done"
    return StateWord(
        "SWAPPING", "busy", f"To {swap.to_subnet}: {blind}; takes about {max(0.1, swap.expected_gap_s):.1f} s."
    )


def _idle(seen: Seen) -> StateWord | None:
    snapshot = seen.snapshot
    if snapshot.state is not CameraState.IDLE:
        return None
    decision = snapshot.decision
    if not seen.labels:
        return StateWord("IDLE", "off", "No library is configured: the camera streams, nothing is inspected.")
    said = _short(snapshot.detail or ("" if decision is None else decision.text))
    return StateWord("IDLE", "bad", f"No network on the camera, nothing is inspected. {_sentence(said)}".strip())


def _stopped(seen: Seen) -> StateWord | None:
    quiet_s = quiet_for_s(seen)
    if seen.snapshot.state is not CameraState.ACTIVE or quiet_s is None:
        return None
    return StateWord(
        "STOPPED",
        "bad",
        f"No picture for {lasting(quiet_s)}, and nobody says that the line stands. Look at trigger and cable.",
    )


def _no_results(seen: Seen) -> StateWord | None:
    alarm = seen.alarm("results_stopped")
    if seen.snapshot.state is not CameraState.ACTIVE or alarm is None:
        return None
    return StateWord("NO RESULTS", "bad", f"Pictures come, but no result does. {_sentence(_short(alarm.text))}")


def _fail_safe(seen: Seen) -> StateWord | None:
    effective, lapse = seen.snapshot.budget, seen.snapshot.orders.lapse
    if not effective.fail_safe:
        return None
    who, when = ("Its client", "") if lapse is None else (repr(lapse.client), _since(seen, lapse.since_boot_ns))
    return StateWord(
        "FAIL-SAFE",
        "bad",
        f"{who} is silent: its lease ran out{when}. The fail-safe budget holds: {budget_words(effective.budget)}.",
    )


def _over_budget(seen: Seen) -> StateWord | None:
    snapshot = seen.snapshot
    asked = budget_words(snapshot.budget.budget)
    if Degraded.INFEASIBLE in snapshot.degraded:
        return StateWord(
            "OVER BUDGET", "warn", f"No sub-net keeps {asked}{_reach(seen)}. The best one runs all the same."
        )
    if Degraded.OVER_BUDGET not in snapshot.degraded:
        return None
    if snapshot.orders.pin is not None:
        return StateWord("OVER BUDGET", "warn", f"The pinned {snapshot.active_subnet} does not keep {asked}.")
    held = "" if snapshot.decision is None else f" {_sentence(_short(snapshot.decision.text))}"
    return StateWord("OVER BUDGET", "warn", f"{snapshot.active_subnet} does not keep {asked}.{held}")


def _degraded(seen: Seen) -> StateWord | None:
    reasons = [_DEGRADED[reason] for reason in seen.snapshot.degraded if reason in _DEGRADED]
    if not reasons:
        return None
    detail = f" {_sentence(_short(seen.snapshot.detail))}" if seen.snapshot.detail else ""
    return StateWord("DEGRADED", "warn", f"{'; '.join(reasons)}.{detail}")


def _line_stopped(seen: Seen) -> StateWord | None:
    line = seen.snapshot.line
    if not line.stopped:
        return None
    who = " and ".join(report.client for report in line.reports) or "its controller"
    return StateWord("LINE STOPPED", "off", f"The line stands, says {who}. The camera is ready.")


def _maintenance(seen: Seen) -> StateWord | None:
    orders = seen.snapshot.orders
    if orders.mode is not Mode.MAINTENANCE:
        return None
    return StateWord(
        "MAINTENANCE", "warn", f"Somebody works on it ({orders.mode_by or 'unnamed'}): nothing swaps by itself."
    )


def _pinned(seen: Seen) -> StateWord | None:
    pin = seen.snapshot.orders.pin
    if pin is None:
        return None
    how = "rolled back to it" if pin.rollback else "pinned it"
    return StateWord("PINNED", "busy", f"{pin.subnet_id} stays whatever the budget says: {pin.client} {how}.")


def _manual(seen: Seen) -> StateWord | None:
    orders = seen.snapshot.orders
    if orders.mode is not Mode.MANUAL:
        return None
    return StateWord("MANUAL", "busy", f"Swaps come by command only, says {orders.mode_by or 'somebody'}.")


def _running(seen: Seen) -> StateWord:
    snapshot = seen.snapshot
    name, asked = snapshot.active_subnet or "The network", budget_words(snapshot.budget.budget)
    return StateWord("RUNNING", "good", f"{name} inspects for a budget of {asked}.")


RULES: tuple[Callable[[Seen], StateWord | None], ...] = (
    _faulted,
    _disconnected,
    _connecting,
    _rolling_back,
    _swapping,
    _idle,
    _stopped,
    _no_results,
    _fail_safe,
    _over_budget,
    _degraded,
    _line_stopped,
    _maintenance,
    _pinned,
    _manual,
    _running,
)
_DEGRADED = {
    Degraded.ROLLED_BACK: "The last swap failed and was taken back",
    Degraded.THROTTLED: "The camera is hot and slows down",
    Degraded.RETIRED: "The sub-net that runs is not in the library any more",
}


def _reach(seen: Seen) -> str:
    """`: the fastest takes 24.1 ms`."""
    reach, budget = seen.reach, seen.snapshot.budget.budget
    if reach is None:
        return ""
    if budget.max_latency_ms is not None and reach.latency_ms > budget.max_latency_ms:
        return f": the fastest takes {ms(reach.latency_ms)}"
    if reach.service_ms > budget.service_limit_ms():
        return f": the fastest manages {60_000.0 / reach.service_ms:.0f} parts/min"
    return ""


def _since(seen: Seen, boot_ns: int) -> str:
    age_s = (seen.moment.boot_ns - boot_ns) / 1e9
    return f" {lasting(age_s)} ago" if boot_ns and age_s >= 0 else ""


def _short(text: str) -> str:
    """Its first clause: the rest is with its alarm."""
    clause = re.split(r" \(|; |: read | \[", text, maxsplit=1)[0]
    return clause if len(clause) <= LONGEST else clause[:LONGEST].rsplit(" ", 1)[0] + " …"


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
