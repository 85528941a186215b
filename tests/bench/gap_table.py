"""Where every millisecond of a gap goes: the steps of a swap beside the bare loop and beside the camera's own laws."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.sim.spec import TransportSpec

OPERATIONS = 5  # file operations and starts and stops cost this share of `swap_overhead_s` each
FRAME_MS = 1e3 / 60
STEPS = (
    "stop", "delete", "open", "write", "close", "load", "verify", "start", "first frame", "first inference"
)  # fmt: skip
_OF_AGENT = {
    "stop": "stop",
    "disable": "stop",
    "delete": "delete",
    "open": "open",
    "write": "write",
    "close": "close",
    "activate": "load",
    "verify": "verify",
    "start": "start",
    "first frame": "first frame",
    "first inference": "first inference",
}
_OF_FLOOR = {
    "stop": "stop",
    "delete": "delete",
    "open": "open",
    "write": "write",
    "close": "close",
    "load": "load",
    "golden delete": "verify",
    "golden open": "verify",
    "golden write": "verify",
    "golden close": "verify",
    "golden test": "verify",
    "start": "start",
    "first frame": "first frame",
    "first inference": "first inference",
}


@dataclass(frozen=True, slots=True)
class Swap:
    """What is swapped: a network of `size_bytes`, tested with `goldens` images of `golden_bytes` each, of which one is
    still on the camera. The first frame comes `frame_ms` after the start of an acquisition, a result `result_ms`."""

    size_bytes: int
    golden_bytes: int
    goldens: int
    frame_ms: float
    result_ms: float


def law_ms(transport: TransportSpec, swap: Swap) -> dict[str, float]:
    """By step, what the simulated camera's laws alone make of the least sequence of calls; no computer is involved.

    Starts and stops take their time before they answer: frames that come meanwhile wait at the host, so a first result
    costs only what is left of it. The load begins with the close, before that answers.
    """
    call_ms, operation_ms = transport.register_s * 1e3, transport.swap_overhead_s * 1e3 / OPERATIONS
    checked_ms = operation_ms + 3 * call_ms  # selector, execute, status

    def written_ms(size: int) -> float:
        chunks = math.ceil(size / transport.file_access_buffer_bytes)
        lengths = 1 + (chunks > 1 and size % transport.file_access_buffer_bytes > 0)
        return size / transport.file_bytes_per_s * 1e3 + (3 * chunks + lengths + 1) * call_ms

    begun_ms = operation_ms + call_ms
    waited_ms = max(0.0, swap.result_ms - operation_ms)
    frame_ms = max(0.0, swap.frame_ms - operation_ms)
    delete_ms = checked_ms + call_ms  # which file
    open_ms = checked_ms + call_ms  # to DDR
    replaced_ms = delete_ms + open_ms + written_ms(swap.golden_bytes) + checked_ms
    return {
        "stop": begun_ms,
        "delete": delete_ms,
        "open": open_ms,
        "write": written_ms(swap.size_bytes),
        "close": checked_ms,
        "load": max(0.0, transport.network_load_s * 1e3 - operation_ms),
        "verify": swap.goldens * (2 * begun_ms + waited_ms) + (swap.goldens - 1) * replaced_ms,
        "start": call_ms + begun_ms,  # the test pattern goes off before
        "first frame": frame_ms,
        "first inference": waited_ms - frame_ms,
    }


def result_ms(exposure_ms: float, delivery_ms: float, service_ms: float) -> float:
    """From the start of an acquisition to its first result at the host: on the first frame that ends after it."""
    frames = math.ceil(service_ms / FRAME_MS)
    return frames * FRAME_MS + max(exposure_ms + delivery_ms, FRAME_MS)


def of_floor(runs: Sequence[Sequence[Sequence[Any]]]) -> dict[str, float]:
    """Median ms of each step over swaps of the bare loop, which are lists of [name, ms]."""
    return _medians([_summed(((name, ms) for name, ms in run), _OF_FLOOR) for run in runs])


def of_agent(gaps: Sequence[Mapping[str, Any]], what: str) -> dict[str, float]:
    """Median of `what` (wall_ms, sdk_ms, host_ms, ...) in each step over gaps of the agent."""
    return _medians([_summed(((name, step[what]) for name, step in gap["steps"].items()), _OF_AGENT) for gap in gaps])


def table(title: str, gaps: Sequence[Mapping[str, Any]], floors: Sequence[Any], law: Mapping[str, float]) -> str:
    """The steps in a table of Markdown; all in ms, medians over the swaps."""
    columns: dict[str, Mapping[str, float]] = {
        "the camera's laws": law,
        "bare loop": of_floor(floors),
        "agent": of_agent(gaps, "wall_ms"),
        "in SDK calls": of_agent(gaps, "sdk_ms"),
        "pauses": of_agent(gaps, "pause_ms"),
        "host": of_agent(gaps, "host_ms"),
        "host CPU": of_agent(gaps, "host_cpu_ms"),
        "SDK calls": of_agent(gaps, "calls"),
    }
    lines = [f"{title}", "", f"| step | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for step in STEPS:
        lines.append(f"| {step} | {' | '.join(_figure(values.get(step, 0.0)) for values in columns.values())} |")
    sums = (sum(values.values()) for values in columns.values())
    lines.append(f"| **sum** | {' | '.join(_figure(value) for value in sums)} |")
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _summed(rows: Any, names: Mapping[str, str]) -> dict[str, float]:
    found: dict[str, float] = dict.fromkeys(STEPS, 0.0)
    for name, value in rows:
        found[names[name]] += value
    return found


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {step: statistics.median([run[step] for run in runs]) for step in STEPS}
