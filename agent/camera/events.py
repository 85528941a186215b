"""Inference results as device events: the handler on the SDK's thread, and the queue to the worker thread.

An event comes as soon as an inference ends, so a result does not wait for the next frame. It carries class and
confidence only, never boxes (facts/firefly-dl.md 1.4, DeviceEventInferenceData). Its queue may overflow inside the USB
stack of older firmware (F-5662): that loses results, never gives them to the wrong network.

The handler does no more than read the four nodes of the event (they belong to the event message, not to the bus) and
put them into a bounded queue; DeviceEventHandler is deprecated in the newest SDK, NodeCallback takes its place (S18).
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.camera.nodes import Nodes
from agent.camera.sdk import CameraPtr, Sdk
from agent.camera.vendor_errors import translate
from agent.errors import CameraError, CameraRefused

EVENT_NAME = "EventInference"
FRAME_ID = ("EventInferenceFrameID", "EventInferenceFrameId")
TIMESTAMP = "EventInferenceTimestamp"
RESULT = "EventInferenceResult"
CONFIDENCE = "EventInferenceConfidence"
_SELECTOR, _NOTIFICATION = "EventSelector", "EventNotification"


@dataclass(frozen=True, slots=True)
class InferenceEvent:
    """One inference that ended at `ended_ns` of the camera's clock."""

    frame_id: int
    class_id: int
    confidence: float
    ended_ns: int


class EventQueue:
    """Events on their way to the worker: bounded, drops the oldest, counts what was lost. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._mutex = threading.Lock()
        self._events: deque[InferenceEvent] = deque(maxlen=capacity)
        self.lost = 0

    def put(self, event: InferenceEvent) -> None:
        with self._mutex:
            self.lost += len(self._events) == self._events.maxlen
            self._events.append(event)

    def lose(self) -> None:
        """An event came that could not be read."""
        with self._mutex:
            self.lost += 1

    def take(self) -> list[InferenceEvent]:
        """All of them, oldest first."""
        with self._mutex:
            events = list(self._events)
            self._events.clear()
        return events


def missing(sdk: Sdk, nodes: Nodes) -> str | None:
    """Why this camera or SDK cannot send inference events; None where it can."""
    for name in (EVENT_NAME, FRAME_ID, TIMESTAMP, RESULT, CONFIDENCE):
        if nodes.implemented(name) is None:
            return f"its firmware has no node {name if isinstance(name, str) else name[0]}"
    if selector_entry(nodes) is None:
        return f"{_SELECTOR} has no entry for inference"
    if not hasattr(sdk, "DeviceEventHandler") and not hasattr(sdk, "NodeCallback"):
        return "this SDK has neither DeviceEventHandler nor NodeCallback"
    return None


def selector_entry(nodes: Nodes) -> str | None:
    """The selector's entry of the inference event; its spelling is not published (facts section 7 item 2)."""
    if not nodes.readable(_SELECTOR):
        return None
    entries = nodes.entries(_SELECTOR)
    return next((entry for entry in entries if entry.lower().removeprefix("event") == "inference"), None)


class EventTap:
    """A registered handler. Owner: the device; `close` comes before DeInit, which it would block (section 2.2).

    Raises CameraRefused where the camera has no inference events: there is no silent way back to chunks.
    """

    def __init__(self, sdk: Sdk, camera: CameraPtr, nodes: Nodes, serial: str, capacity: int) -> None:
        why = missing(sdk, nodes)
        if why is not None:
            raise CameraRefused(
                f"camera {serial}: results_from is events, but {why}; set it to chunks or update the firmware"
            )
        self.queue = EventQueue(capacity)
        self._sdk = sdk
        self._camera: CameraPtr | None = camera
        self._nodes = nodes
        self._readers = (
            nodes.integer(nodes.implemented(FRAME_ID) or FRAME_ID[0]).GetValue,
            nodes.integer(RESULT).GetValue,
            nodes.float_pointer(CONFIDENCE).GetValue,
            nodes.integer(TIMESTAMP).GetValue,
        )
        self._notify("On")
        # A reference must be kept for as long as it is registered (facts section 3, events).
        self._handler = self._register(camera)

    def close(self) -> None:
        """Unregister and switch the event off; never raises: the camera may be gone."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        with suppress(self._sdk.SpinnakerException):
            if self._uses_handler:
                camera.UnregisterEventHandler(self._handler)
            else:
                self._sdk.DeregisterNodeCallback(self._handler)
        with suppress(CameraError):
            self._notify("Off")
        self._readers = ()  # type: ignore[assignment]
        self._handler = None

    @property
    def _uses_handler(self) -> bool:
        return hasattr(self._sdk, "DeviceEventHandler")

    def _notify(self, state: str) -> None:
        entry = selector_entry(self._nodes)
        if entry is not None:
            self._nodes.set_enum(_SELECTOR, entry)
            self._nodes.set_enum(_NOTIFICATION, state)

    def _register(self, camera: CameraPtr) -> Any:
        handler = _handler(self._sdk, self._arrived) if self._uses_handler else _callback(self._sdk, self._arrived)
        try:
            if self._uses_handler:
                camera.RegisterEventHandler(handler, EVENT_NAME)
            else:
                self._sdk.RegisterNodeCallback(self._nodes.node(EVENT_NAME), handler)
        except self._sdk.SpinnakerException as exc:
            raise translate(exc, "register the handler of inference events") from exc
        return handler

    def _arrived(self) -> None:
        """On the SDK's thread: nothing may be raised and nothing may be waited for here."""
        try:
            frame_id, class_id, confidence, ended_ns = (read() for read in self._readers)
        except (self._sdk.SpinnakerException, ValueError):
            self.queue.lose()
            return
        self.queue.put(InferenceEvent(int(frame_id), int(class_id), float(confidence), int(ended_ns)))


def _handler(sdk: Sdk, arrived: Any) -> Any:
    base: Any = sdk.DeviceEventHandler

    class Handler(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def OnDeviceEvent(self, event_name: str) -> None:
            if event_name == EVENT_NAME:
                arrived()

    return Handler()


def _callback(sdk: Sdk, arrived: Any) -> Any:
    base: Any = sdk.NodeCallback

    class Callback(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def CallbackFunction(self, node: object) -> None:  # noqa: ARG002
            arrived()

    return Callback()
