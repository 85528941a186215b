"""Inference events: the handler's queue, which SDK class is used, and which events count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from agent.camera.attribution import EventAttribution, Verdict
from agent.camera.events import EventQueue, EventTap, InferenceEvent
from agent.camera.nodes import Nodes
from agent.camera.sdk import CameraPtr, Sdk
from agent.errors import CameraRefused
from tests.unit.camera.fakes import Vendor

MS = 1_000_000
NAMES = {"EventInference", "EventInferenceFrameID", "EventInferenceTimestamp", "EventInferenceResult",
         "EventInferenceConfidence"}  # fmt: skip


class Pointer:
    def __init__(self, read: Callable[[], float]) -> None:
        self.GetValue = read


class EventNodes:
    """The part of `Nodes` that a tap uses."""

    def __init__(self, names: set[str], entries: tuple[str, ...]) -> None:
        self.names, self._entries = names, entries
        self.event: dict[str, float] = {}
        self.written: list[tuple[str, str]] = []

    def implemented(self, name: str | tuple[str, ...]) -> str | None:
        candidates = (name,) if isinstance(name, str) else name
        return next((one for one in candidates if one in self.names), None)

    def readable(self, name: str) -> bool:
        return name == "EventSelector" and bool(self._entries)

    def entries(self, _name: str) -> tuple[str, ...]:
        return self._entries

    def set_enum(self, name: str, entry: str) -> None:
        self.written.append((name, entry))

    def integer(self, name: str) -> Pointer:
        return Pointer(lambda: self._value(name))

    float_pointer = integer

    def node(self, name: str) -> str:
        return name

    def _value(self, name: str) -> float:
        if name not in self.event:
            raise Vendor(-2006)
        return self.event[name]

    def happen(self, frame_id: int, ended_ns: int) -> None:
        self.event = {
            "EventInferenceFrameID": frame_id, "EventInferenceTimestamp": ended_ns, "EventInferenceResult": 3,
            "EventInferenceConfidence": 0.5,
        }  # fmt: skip


class Handler:
    pass


class ModernSdk:
    """An SDK that has dropped DeviceEventHandler (facts/firefly-dl.md section 3, events)."""

    SpinnakerException = Vendor
    NodeCallback = Handler

    def __init__(self) -> None:
        self.registered: list[tuple[object, Any]] = []

    def RegisterNodeCallback(self, node: object, callback: Any) -> None:
        self.registered.append((node, callback))

    def DeregisterNodeCallback(self, callback: Any) -> None:
        self.registered = [one for one in self.registered if one[1] is not callback]


class Sdk3(ModernSdk):
    DeviceEventHandler = Handler


class Camera:
    def __init__(self, refuses: bool = False) -> None:
        self.handlers: list[Any] = []
        self.refuses = refuses

    def RegisterEventHandler(self, handler: Any, _name: str, /) -> None:
        if self.refuses:
            raise Vendor(-1001)
        self.handlers.append(handler)

    def UnregisterEventHandler(self, handler: Any, /) -> None:
        self.handlers.remove(handler)


def tap_of(sdk: object, camera: Camera, nodes: EventNodes, capacity: int = 8) -> EventTap:
    return EventTap(cast(Sdk, sdk), cast(CameraPtr, camera), cast(Nodes, nodes), "7", capacity)


def test_a_handler_puts_what_its_nodes_say_into_the_queue_and_is_unregistered() -> None:
    nodes, camera = EventNodes(NAMES, ("Test", "Inference")), Camera()
    tap = tap_of(Sdk3(), camera, nodes)
    (handler,) = camera.handlers
    nodes.happen(5, 70 * MS)
    handler.OnDeviceEvent("EventInference")
    handler.OnDeviceEvent("EventExposureEnd")
    assert tap.queue.take() == [InferenceEvent(5, 3, 0.5, 70 * MS)]
    tap.close()
    tap.close()
    assert camera.handlers == []
    assert nodes.written == [
        ("EventSelector", "Inference"), ("EventNotification", "On"),
        ("EventSelector", "Inference"), ("EventNotification", "Off"),
    ]  # fmt: skip


def test_an_sdk_without_device_handlers_gets_a_node_callback() -> None:
    """S18: DeviceEventHandler is deprecated in the newest SDK."""
    nodes, sdk = EventNodes(NAMES, ("EventInference",)), ModernSdk()
    tap = tap_of(sdk, Camera(), nodes)
    ((node, callback),) = sdk.registered
    nodes.happen(6, 80 * MS)
    callback.CallbackFunction(object())
    assert (node, [event.frame_id for event in tap.queue.take()]) == ("EventInference", [6])
    tap.close()
    assert sdk.registered == []


def test_an_event_that_cannot_be_read_is_counted_and_raises_nothing() -> None:
    nodes, camera = EventNodes(NAMES, ("Inference",)), Camera()
    tap = tap_of(Sdk3(), camera, nodes)
    camera.handlers[0].OnDeviceEvent("EventInference")
    assert (tap.queue.take(), tap.queue.lost) == ([], 1)


def test_a_full_queue_drops_the_oldest_and_counts_it() -> None:
    queue = EventQueue(2)
    for frame_id in range(5):
        queue.put(InferenceEvent(frame_id, 0, 0.0, 0))
    assert ([event.frame_id for event in queue.take()], queue.lost) == ([3, 4], 3)


@pytest.mark.parametrize(
    ("names", "entries", "sdk", "words"),
    [
        (NAMES - {"EventInferenceTimestamp"}, ("Inference",), Sdk3(), "no node EventInferenceTimestamp"),
        (NAMES - {"EventInferenceFrameID"}, ("Inference",), Sdk3(), "no node EventInferenceFrameID"),
        (NAMES, ("Error", "Test"), Sdk3(), "EventSelector has no entry for inference"),
        (NAMES, (), Sdk3(), "EventSelector has no entry for inference"),
        (NAMES, ("Inference",), object(), "neither DeviceEventHandler nor NodeCallback"),
    ],
)
def test_what_is_missing_is_named(names: set[str], entries: tuple[str, ...], sdk: object, words: str) -> None:
    with pytest.raises(CameraRefused, match=words):
        tap_of(sdk, Camera(), EventNodes(names, entries))


def attribution(clear: bool = True, bound_ms: int = 100) -> EventAttribution:
    made = EventAttribution(clear, bound_ms * MS)
    for frame_id in range(10):
        made.judge(frame_id, (1000 + 10 * frame_id) * MS, 4)  # chunks still show frame 4 of the acquisition before
    return made


@pytest.mark.parametrize(
    ("frame_id", "ended_ms", "verdict"),
    [
        (2, 1025, Verdict.NEW),
        (2, 999, Verdict.STALE),  # it ended before this acquisition's first frame
        (-1, 1025, Verdict.STALE),
        (10, 1120, Verdict.STALE),  # no such frame yet
        (4, 1045, Verdict.STALE),  # cannot be told from what was on the first frame
    ],
)
def test_an_event_counts_by_the_rule(frame_id: int, ended_ms: int, verdict: Verdict) -> None:
    """interfaces.md section 3 (a) and (b)."""
    assert attribution().judge_event(frame_id, ended_ms * MS) is verdict


def test_an_event_counts_once_and_ids_only_grow() -> None:
    made = attribution()
    assert made.judge_event(5, 1055 * MS) is Verdict.NEW
    assert made.judge_event(5, 1056 * MS) is Verdict.REPEATED
    assert made.judge_event(4, 1057 * MS) is Verdict.STALE, "ids go back: somebody restarted the stream"
    assert made.judge_event(6, 1065 * MS) is Verdict.STALE, "and everything is unknown again"


def test_with_an_inference_in_the_pipe_events_of_the_first_service_time_do_not_count() -> None:
    """interfaces.md section 3 (c)."""
    made = attribution(clear=False, bound_ms=50)
    assert made.judge_event(2, 1049 * MS) is Verdict.STALE
    assert made.judge_event(6, 1065 * MS) is Verdict.NEW


def test_nothing_counts_before_the_first_frame() -> None:
    assert EventAttribution(True, 0).judge_event(0, 5 * MS) is Verdict.STALE
