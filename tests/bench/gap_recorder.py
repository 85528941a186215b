"""Where SDK calls begin and end: a module of the SDK's shape that notes each call, by the thread that makes it.

What lies between two calls is the host's own. A clock notes the pauses that the agent makes on purpose.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agent.clock import SystemClock

PAUSE = "pause"
# Results of calls that are objects to be watched in turn; anything else (handles of nodes, values) goes as it is.
_WATCHED = frozenset(
    {
        "GetInstance", "GetCameras", "GetBySerial", "GetByIndex", "GetNodeMap", "GetTLDeviceNodeMap",
        "GetTLStreamNodeMap", "GetNextImage", "GetChunkData", "CIntegerPtr", "CFloatPtr", "CBooleanPtr", "CStringPtr",
        "CCommandPtr", "CEnumerationPtr", "CEnumEntryPtr", "CRegisterPtr",
    }
)  # fmt: skip


class Call(NamedTuple):
    """One call of the SDK, or one pause: wall and CPU time of its thread, in ns."""

    name: str
    begun_ns: int
    ended_ns: int
    cpu_begun_ns: int
    cpu_ended_ns: int

    @property
    def ms(self) -> float:
        return (self.ended_ns - self.begun_ns) / 1e6


class Log:
    """Calls by thread, in order. Appended to by those threads, read when they rest.

    Noting is what a measurement must not measure, and after each wait for the camera nothing of it is in a cache: it
    is one tuple a call, put together later.
    """

    def __init__(self) -> None:
        self._rows: dict[int, list[tuple[str, int, int, int, int]]] = defaultdict(list)

    def noted(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, with each of its calls noted."""
        now_ns, cpu_ns, ident, rows = time.monotonic_ns, time.thread_time_ns, threading.get_ident, self._rows

        def call(*arguments: Any) -> Any:
            begun, cpu_begun = now_ns(), cpu_ns()
            try:
                return function(*arguments)
            finally:
                cpu_ended, ended = cpu_ns(), now_ns()
                rows[ident()].append((label, begun, ended, cpu_begun, cpu_ended))

        return call

    def calls(self, thread: str) -> list[Call]:
        """Those of the living thread of that name."""
        for one in threading.enumerate():
            if one.name == thread and one.ident is not None:
                return [Call(*row) for row in self._rows[one.ident]]
        return []

    def forget(self) -> None:
        for rows in self._rows.values():
            rows.clear()


class Recorded:
    """An object of the SDK whose methods are noted."""

    def __init__(self, target: Any, log: Log, subject: str = "") -> None:
        self._target, self._log, self._subject = target, log, subject

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name == "System":
            return Recorded(value, self._log)
        if not callable(value) or (isinstance(value, type) and issubclass(value, Exception)):
            return value
        made = self.__dict__[name] = _noted(name, value, self._log, self._subject)
        return made


def _noted(name: str, function: Callable[..., Any], log: Log, subject: str) -> Callable[..., Any]:
    noted = log.noted(f"{subject}.{name}" if subject else name, function)
    if name not in _WATCHED:
        return noted

    def watched(*arguments: Any) -> Any:
        found = noted(*arguments)
        pointer = name.startswith("C") and name.endswith("Ptr")
        return None if found is None else Recorded(found, log, arguments[0].GetName() if pointer else "")

    return watched


class RecordedClock(SystemClock):
    """The machine's clock; what sleeps on it is noted."""

    def __init__(self, log: Log) -> None:
        self._sleep = log.noted(PAUSE, super().sleep)

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)


@dataclass(frozen=True, slots=True)
class Share:
    """What a stretch of time went to, in ms: `host_ms` and `host_cpu_ms` are outside every call and pause."""

    wall_ms: float
    sdk_ms: float
    pause_ms: float
    host_ms: float
    host_cpu_ms: float
    calls: int


def share(calls: Sequence[Call], begin_ns: int, end_ns: int) -> Share:
    """Of the stretch from `begin_ns` to `end_ns` on the thread that made `calls`; calls at its borders are cut."""
    sdk = pause = cpu = 0
    count = 0
    before_cpu: int | None = None
    for call in calls:
        if call.ended_ns <= begin_ns or call.begun_ns >= end_ns:
            if call.ended_ns <= begin_ns:
                before_cpu = call.cpu_ended_ns
            continue
        inside = min(call.ended_ns, end_ns) - max(call.begun_ns, begin_ns)
        sdk, pause = (sdk, pause + inside) if call.name == PAUSE else (sdk + inside, pause)
        count += call.name != PAUSE
        if before_cpu is not None:
            cpu += call.cpu_begun_ns - before_cpu
        before_cpu = call.cpu_ended_ns
    wall = end_ns - begin_ns
    return Share(wall / 1e6, sdk / 1e6, pause / 1e6, (wall - sdk - pause) / 1e6, cpu / 1e6, count)


def longest(calls: Sequence[Call], most: int = 10) -> Mapping[str, tuple[int, float]]:
    """The calls that took the most time in all: how many, and ms."""
    found: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        found[call.name].append(call.ms)
    ordered = sorted(found.items(), key=lambda item: -sum(item[1]))[:most]
    return {name: (len(each), sum(each)) for name, each in ordered}
