"""From what is known of a camera to what the page shows of it, as plain JSON. Pure.

A number that is not known is null, never 0. Times end in `_s` and count in the page's seconds (Moment.now_s), so that
the page counts down by itself and nothing has to be sent because time passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from agent.domain.alarms import kind_of
from agent.domain.budget import Claim
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.notice import AnnouncedChange, LineState
from agent.domain.serving import infers
from agent.domain.snapshot import CameraSnapshot, ComingCause, ComingSwap, LatencyFigures
from agent.domain.states import Degraded, SwapStage
from agent.domain.subnet import Catalogue
from agent.web.seen import Json, Moment, Seen
from agent.web.state import StateWord, further_words, quiet_for_s, state_word
from agent.web.words import budget_words, origin_words, quantile_words

_STAGES = {
    SwapStage.NONE: "begins",
    SwapStage.PREPARING: "checks the network's file",
    SwapStage.WAITING_PERMIT: "waits for its turn",
    SwapStage.STOPPING: "stops the camera",
    SwapStage.UPLOADING: "uploads the network",
    SwapStage.ACTIVATING: "loads the network",
    SwapStage.VERIFYING: "checks it by test images",
    SwapStage.ROLLING_BACK: "brings the old network back",
}
_CAUSES = {
    ComingCause.ANNOUNCED_CHANGE: "a change was announced",
    ComingCause.MIN_DWELL: "the last swap was a moment ago",
    ComingCause.MEASURING: "the one that runs is measured first",
    ComingCause.WINDOW: "it waits for a stop of the line or a permit",
    ComingCause.INHIBITED: "somebody inhibits swaps",
    ComingCause.OTHER: "it waits",
}
_NOTES = {
    Degraded.STALE_PROFILE: "Some sub-nets were measured too long ago; measure again when the line stands.",
    Degraded.UNVERIFIED_IMAGE: "The network was proved by its properties only: no test image could be shown to it.",
}


def camera_json(seen: Seen, catalogue: Catalogue | None) -> Json:
    """All but the ladder, the swaps and the history, which change more seldom."""
    snapshot, moment = seen.snapshot, seen.moment
    return {
        "name": snapshot.camera,
        "state": _word(state_word(seen)),
        "also": [_word(one) for one in further_words(seen)],
        "notes": [_NOTES[one] for one in snapshot.degraded if one in _NOTES],
        "active": _active(snapshot, catalogue),
        "budget": budget_json(snapshot),
        "load": _number(snapshot.load if infers(snapshot) else None, 3),
        "frame_s": None if seen.frame_mono_ns is None else moment.of_mono(seen.frame_mono_ns),
        "quiet": quiet_for_s(seen) is not None,
        "result": _result(seen),
        "swap": _swap(snapshot, moment),
        "coming": _coming(snapshot.coming, moment),
        "leases": [_claim(claim, moment) for claim in snapshot.claims],
        "changes": [_change(change, moment) for change in snapshot.changes],
        "line": _line(snapshot.line, moment),
        "orders": _orders(snapshot, moment),
        "alarms": alarms_json(seen.alarms, moment),
        "device": _device(snapshot),
    }


def budget_json(snapshot: CameraSnapshot) -> Json:
    """What is asked for, and each bound of it against what was measured."""
    effective = snapshot.budget
    latency = snapshot.latency if infers(snapshot) else None  # figures of a while ago are no measurement of now
    budget = effective.budget
    bounds = []
    if budget.max_latency_ms is not None:
        bounds.append(_bound("latency", "Result latency", budget.max_latency_ms, _latency_p99(latency), latency))
    limit_ms = budget.service_limit_ms()
    if isfinite(limit_ms):
        bounds.append(_bound("service", "Service time", limit_ms, _service_p99(latency), latency))
    return {
        "words": budget_words(budget),
        "origin": origin_words(effective),
        "fail_safe": effective.fail_safe,
        "quantile": quantile_words(budget),
        "min_accuracy": budget.min_accuracy,
        "bounds": bounds,
    }


def swaps_json(records: Sequence[SwapRecord] | None, moment: Moment, error: str = "") -> Json:
    """The last swaps, newest first; None: they cannot be read now, for `error`."""
    return {
        "error": error if records is None else "",
        "swaps": [
            {
                "id": one.id,
                "at_s": moment.of_wall(one.started_wall_ns),
                "wall_ms": one.started_wall_ns // 1_000_000,
                "from": one.from_subnet,
                "to": one.to_subnet,
                "reason": one.reason.replace("_", " "),
                "outcome": one.outcome.value.replace("_", " "),
                "gap_s": _number(one.gap_s, 2),
                "duration_s": _number(one.duration_s, 2),
                "error": one.error or "",
            }
            for one in records or ()
        ],
    }


def alarms_json(alarms: Sequence[Alarm], moment: Moment) -> list[Json]:
    """The worst first, then the newest."""
    ranks = {"critical": 0, "warning": 1, "info": 2}
    told = [(_severity(alarm.key), alarm) for alarm in alarms if alarm.cleared_wall_ns is None]
    told.sort(key=lambda one: (ranks[one[0]], -one[1].raised_wall_ns))
    return [_alarm(severity, alarm, moment) for severity, alarm in told]


def _severity(key: str) -> str:
    kind = kind_of(key)
    return "warning" if kind is None else kind.severity


def _alarm(severity: str, alarm: Alarm, moment: Moment) -> Json:
    kind = kind_of(alarm.key)
    return {
        "id": alarm.id,
        "number": None if kind is None else kind.number,
        "title": alarm.key.replace("_", " ") if kind is None else kind.title,
        "severity": severity,
        "text": alarm.text,
        "action": "" if kind is None else kind.action,
        "since_s": moment.of_wall(alarm.raised_wall_ns),
        "count": alarm.count,
        "seen_by": alarm.acknowledged_by,
    }


def _word(state: StateWord) -> Json:
    return {"word": state.word, "tone": state.tone, "why": state.why}


def _active(snapshot: CameraSnapshot, catalogue: Catalogue | None) -> Json | None:
    if snapshot.active_subnet is None:
        return None
    subnet = None if catalogue is None else catalogue.get(snapshot.active_subnet)
    accuracy = None if subnet is None else subnet.accuracy
    return {
        "id": snapshot.active_subnet,
        "generation": snapshot.generation,
        "verified": snapshot.verified,
        "proof": None if snapshot.verified_by is None else snapshot.verified_by.value,
        "accuracy": None if accuracy is None else round(accuracy.top1, 4),
        "low": None if accuracy is None else round(accuracy.ci95_low, 4),
        "high": None if accuracy is None else round(accuracy.ci95_high, 4),
    }


def _latency_p99(latency: LatencyFigures | None) -> float | None:
    return None if latency is None else latency.latency_p99_ms


def _service_p99(latency: LatencyFigures | None) -> float | None:
    """A service time of 0 means that none was measured."""
    return None if latency is None else latency.service_p99_ms or None


def _bound(key: str, title: str, limit_ms: float, p99_ms: float | None, latency: LatencyFigures | None) -> Json:
    return {
        "key": key,
        "title": title,
        "limit_ms": round(limit_ms, 1),
        "p99_ms": _number(p99_ms, 1),
        "kept": None if p99_ms is None else p99_ms <= limit_ms,
        "results": 0 if latency is None else latency.count,
    }


def _result(seen: Seen) -> Json | None:
    result = seen.result
    if result is None or seen.result_mono_ns is None:
        return None
    inference = result.inference
    label = seen.labels[inference.class_id] if 0 <= inference.class_id < len(seen.labels) else None
    return {
        "at_s": seen.moment.of_mono(seen.result_mono_ns),
        "label": label or f"class {inference.class_id}",
        "confidence": round(inference.confidence, 3),
        "part": inference.part,
        "frame": inference.frame_id,
        "boxes": len(inference.boxes),
        "latency_ms": round(inference.latency_ms, 1),
        "subnet": result.subnet_id,
        "generation": inference.generation,
    }


def _swap(snapshot: CameraSnapshot, moment: Moment) -> Json | None:
    swap = snapshot.swap
    if swap is None:
        return None
    share = swap.bytes_done / swap.bytes_total if swap.bytes_total else None
    return {
        "to": swap.to_subnet,
        "from": snapshot.active_subnet,
        "stage": swap.stage.value,
        "says": swap.waits_for or _STAGES[swap.stage],
        "waits": swap.stage is SwapStage.WAITING_PERMIT,
        "uploaded": _number(share, 3),
        "started_s": moment.of_wall(swap.started_wall_ns),
        "expected_gap_s": round(swap.expected_gap_s, 2),
    }


def _coming(coming: ComingSwap | None, moment: Moment) -> Json | None:
    if coming is None:
        return None
    return {
        "to": coming.to_subnet,
        "starts_s": None if coming.starts_s is None else moment.of_mono(coming.starts_s * 1e9),
        "expected_gap_s": round(coming.expected_gap_s, 1),
        "says": _CAUSES[coming.cause],
    }


def _claim(claim: Claim, moment: Moment) -> Json:
    return {
        "client": claim.client,
        "kind": claim.kind.value.replace("_", " "),
        "words": budget_words(claim.budget),
        "ends_s": None if claim.expires_boot_ns is None else moment.of_boot(claim.expires_boot_ns),
        "ttl_s": claim.ttl_s,
    }


def _change(change: AnnouncedChange, moment: Moment) -> Json:
    return {
        "client": change.client,
        "state": change.state.value,
        "words": budget_words(change.budget),
        "due_s": moment.of_boot(change.due_boot_ns),
    }


def _line(line: LineState, moment: Moment) -> Json:
    return {
        "known": bool(line.reports),
        "stopped": line.stopped,
        "parts_per_minute": line.parts_per_minute,
        "reports": [
            {
                "client": one.client,
                "stopped": one.stopped,
                "ends_s": None if one.expires_boot_ns is None else moment.of_boot(one.expires_boot_ns),
            }
            for one in line.reports
        ],
    }


def _orders(snapshot: CameraSnapshot, moment: Moment) -> Json:
    orders = snapshot.orders
    return {
        "mode": orders.mode.value,
        "pin": None if orders.pin is None else {"id": orders.pin.subnet_id, "client": orders.pin.client},
        "inhibits": [
            {
                "client": one.client,
                "why": one.why,
                "ends_s": None if one.expires_boot_ns is None else moment.of_boot(one.expires_boot_ns),
            }
            for one in orders.inhibits
        ],
        "permit_until_s": None if snapshot.permit_boot_ns is None else moment.of_boot(snapshot.permit_boot_ns),
    }


def _device(snapshot: CameraSnapshot) -> Json:
    info = snapshot.info
    health = None if info is None else snapshot.health  # of a camera that is gone the last readings stay
    period_ms = None if health is None else health.frame_period_ms
    return {
        "model": None if info is None else info.model,
        "serial": None if info is None else info.serial,
        "firmware": None if info is None else info.firmware,
        "temperature_c": None if health is None else _number(health.temperature_c, 1),
        "frames_per_s": round(1000.0 / period_ms, 1) if period_ms else None,
        "results": None if health is None else health.counts.results,
        "dropped": None if health is None else health.counts.dropped + health.counts.incomplete,
        "swaps": snapshot.swaps_total,
    }


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None or not isfinite(value) else round(value, digits)
