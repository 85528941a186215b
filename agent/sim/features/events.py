"""What makes events: exposures, inferences, incomplete frames and the test command."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.chunks import Frame
from agent.sim.events import ERROR_INCOMPLETE_FRAME, DeviceEvent, EventName
from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.inference import Inference
from agent.sim.registers import RegisterBank


class EventRoom:
    """Hooks of EventControl. Owner: the device, under its lock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.acquisition.on_exposure_end = self._exposure_end
        parts.acquisition.on_incomplete = self._incomplete
        parts.vpu.on_finish = self._inference

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {}

    @property
    def writers(self) -> Mapping[str, Writer]:
        # Neither a notification nor a test changes how frames are taken.
        return {"TestEventGenerate": self._test, "EventNotification": lambda _: None}

    def _test(self, now_ns: int) -> None:
        self._parts.events.emit(DeviceEvent("Test", self._parts.camera_ns(now_ns)), now_ns)

    def _exposure_end(self, frame: Frame) -> None:
        self._emit(DeviceEvent("ExposureEnd", frame.timestamp_ns, frame.frame_id))

    def _incomplete(self, frame: Frame) -> None:
        self._emit(DeviceEvent("Error", frame.timestamp_ns, frame.frame_id, ERROR_INCOMPLETE_FRAME))

    def _inference(self, inference: Inference) -> None:
        """Classes only: the event has no room for boxes (facts/firefly-dl.md 1.4)."""
        if self._parts.acquisition.streaming and inference.reading.kind == "Classification":
            self._emit(DeviceEvent("Inference", inference.finish_camera_ns, inference.frame_id, result=inference))

    def _emit(self, event: DeviceEvent) -> None:
        self._parts.events.emit(event, event.timestamp_ns - self._parts.camera_ns(0))


def is_enabled(bank: RegisterBank, name: EventName) -> bool:
    """Whether EventNotification is On for an event that this firmware has."""
    return name in bank.description.entries["EventSelector"] and bank.symbol("EventNotification", name) == "On"
