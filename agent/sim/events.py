"""Device events: what the camera tells its host besides frames (facts/firefly-dl.md 1.4, S4, S5).

An event happens in the device's time, reaches the host `event_delivery_s` later and waits there in a short queue. Its
values lie in the event's own port of the node map, at the addresses of `LAYOUT`; the host shows the last one.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from agent.sim.chunks import ChunkResult

if TYPE_CHECKING:  # the host half has events too, and no specification
    from agent.sim.spec import SimulationSpec

EventName = Literal["ExposureEnd", "Inference", "Error", "Test"]
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
# No public source gives the numbers; programs read them from the Event... node or GetDeviceEventId.
EVENT_IDS: dict[EventName, int] = {"Error": 0x9000, "ExposureEnd": 0x9001, "Inference": 0x9020, "Test": 0x4FFF}
# Values of an event by address on its port: id, camera time in ns, frame id, class or error code, confidence.
LAYOUT = struct.Struct("<QQqqd")
ID_AT, TIMESTAMP_AT, FRAME_ID_AT, RESULT_AT, CONFIDENCE_AT = range(0, LAYOUT.size, 8)

# F-5662, "potential event queue overflow in USB stack": its depth before the fix is not public, a few events are few.
_OLD_QUEUE = 8
_OLD_FIRMWARE = "1905.4.83"
# Error codes are not public.
ERROR_INCOMPLETE_FRAME = 1


@dataclass(slots=True, eq=False)
class DeviceEvent:
    """One event. `result` is that of an inference, whose class is computed when it is asked for."""

    name: EventName
    timestamp_ns: int
    frame_id: int = 0
    code: int = 0
    result: ChunkResult | None = None
    deliver_ns: int = 0

    @property
    def event_id(self) -> int:
        return EVENT_IDS[self.name]

    @property
    def value(self) -> int:
        """Class of an inference, code of an error."""
        return self.result.class_id if self.result else self.code

    @property
    def confidence(self) -> float:
        return self.result.confidence if self.result else 0.0

    def pack(self) -> bytes:
        """The memory of the event's port."""
        return LAYOUT.pack(self.event_id, self.timestamp_ns, self.frame_id, self.value, self.confidence)


class EventQueue:
    """Events on their way to the host. Owner: the device, under its lock."""

    def __init__(self, spec: SimulationSpec, enabled: Callable[[EventName], bool], counters: Counter[str]) -> None:
        self._enabled, self._counters = enabled, counters
        self._delay_ns = round(spec.transport.event_delivery_s * 1e9)
        depth = spec.quirks.event_queue_length
        self._depth = min(depth, _OLD_QUEUE) if spec.firmware == _OLD_FIRMWARE else depth
        self._waiting: deque[DeviceEvent] = deque()
        self._listening = False

    def wants(self, name: EventName) -> bool:
        """Whether an event of this kind would be sent."""
        return self._listening and self._enabled(name)

    def listen(self, listening: bool) -> None:
        """A host opened or closed its event channel; what nobody listens to is not kept."""
        self._listening = listening
        self._waiting.clear()

    def emit(self, event: DeviceEvent, at_ns: int) -> None:
        """`event` happened at `at_ns`. A full queue loses it without a word (F-5662)."""
        if not self.wants(event.name):
            return
        if len(self._waiting) >= self._depth:
            self._counters["events_dropped"] += 1
            return
        event.deliver_ns = at_ns + self._delay_ns
        self._waiting.append(event)

    def pop(self, now_ns: int) -> DeviceEvent | None:
        """The next event that has reached the host by now."""
        if self._waiting and self._waiting[0].deliver_ns <= now_ns:
            return self._waiting.popleft()
        return None

    def due_ns(self) -> int | None:
        """When the next event that happened reaches the host."""
        return self._waiting[0].deliver_ns if self._waiting else None
