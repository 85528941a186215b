"""Node callbacks (facts/pyspin-surface.md 3.1): on every write, on invalidation by others, on events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import SimulationSpec, TransportSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

QUICK = SimulationSpec(transport=TransportSpec(swap_overhead_s=0.0, network_load_s=0.0))


class Seen(PySpin.NodeCallback):
    """Keeps name and text of the node at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, str]] = []

    def CallbackFunction(self, node: PySpin.INode) -> None:
        self.rows.append((node.GetName(), PySpin.CValuePtr(node).ToString()))


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(QUICK) as held:
        yield held


def observe(camera: LocalBench, name: str) -> Seen:
    seen = Seen()
    PySpin.RegisterNodeCallback(camera.integer(name).GetNode(), seen)
    return seen


def test_a_write_calls_back_with_the_new_value_before_it_returns(camera: LocalBench) -> None:
    seen = observe(camera, "Height")
    camera.integer("Height").SetValue(480)
    assert seen.rows == [("Height", "480")]


def test_a_write_of_the_same_value_calls_back_too(camera: LocalBench) -> None:
    camera.integer("Height").SetValue(480)
    seen = observe(camera, "Height")
    camera.integer("Height").SetValue(480)
    camera.integer("Height").SetValue(480)
    assert seen.rows == [("Height", "480")] * 2


def test_a_write_to_a_node_that_limits_another_calls_back_for_the_other(camera: LocalBench) -> None:
    camera.integer("Height").SetValue(480)
    seen = observe(camera, "OffsetY")
    camera.integer("Height").SetValue(400)
    assert seen.rows == [("OffsetY", "0")]


def test_a_deregistered_callback_is_silent_and_may_be_deregistered_again(camera: LocalBench) -> None:
    seen = observe(camera, "Height")
    PySpin.DeregisterNodeCallback(seen)
    PySpin.DeregisterNodeCallback(seen)
    camera.integer("Height").SetValue(480)
    assert seen.rows == []


def test_what_register_gives_is_what_deregister_takes(camera: LocalBench) -> None:
    seen = Seen()
    given = PySpin.RegisterNodeCallback(camera.nodes.GetNode("Width"), seen)
    PySpin.RegisterNodeCallback(camera.nodes.GetNode("Height"), seen)
    PySpin.DeregisterNodeCallback(given)
    camera.integer("Height").SetValue(480)
    camera.integer("Width").SetValue(640)
    assert seen.rows == []


def test_a_callback_may_write_other_nodes_and_deregister_itself(camera: LocalBench) -> None:
    class Once(PySpin.NodeCallback):
        def CallbackFunction(self, node: PySpin.INode) -> None:
            camera.integer("Width").SetValue(PySpin.CIntegerPtr(node).GetValue())
            PySpin.DeregisterNodeCallback(self)

    other = observe(camera, "Width")
    PySpin.RegisterNodeCallback(camera.nodes.GetNode("Height"), Once())
    camera.integer("Height").SetValue(480)
    camera.integer("Height").SetValue(320)
    assert other.rows == [("Width", "480")]


def test_a_callback_is_told_when_an_event_arrives(camera: LocalBench) -> None:
    """S18: the vendor's way to receive device events since 4.x."""
    camera.load(tiny_ir())
    camera.choose("EventSelector", "Inference")
    camera.choose("EventNotification", "On")
    ids, rows = Seen(), []

    class Result(PySpin.NodeCallback):
        def CallbackFunction(self, node: PySpin.INode) -> None:
            assert node.GetName() == "EventInference"
            frame_id = camera.integer("EventInferenceFrameID").GetValue()
            rows.append((frame_id, camera.integer("EventInferenceResult").GetValue()))

    callback = Result()
    PySpin.RegisterNodeCallback(camera.nodes.GetNode("EventInference"), callback)
    PySpin.RegisterNodeCallback(camera.nodes.GetNode("EventInferenceFrameID"), ids)
    camera.camera.BeginAcquisition()
    frames = camera.grab(20)
    camera.camera.EndAcquisition()
    PySpin.DeregisterNodeCallback(callback)
    PySpin.DeregisterNodeCallback(ids)
    results = dict(rows)
    carried = {(frame_id, class_id) for _, frame_id, class_id, _ in frames if frame_id >= 0}
    assert len(carried) > 2
    assert all(results[frame_id] == class_id for frame_id, class_id in carried)
    assert [text for _, text in ids.rows] == [str(frame_id) for frame_id, _ in rows]


def test_closing_the_camera_ends_its_callbacks(camera: LocalBench) -> None:
    seen = observe(camera, "Height")
    camera.camera.DeInit()
    camera.camera.Init()
    camera.integer("Height").SetValue(480)
    PySpin.DeregisterNodeCallback(seen)
    assert seen.rows == []


def test_a_callback_that_raises_is_reported_and_the_write_stands(
    camera: LocalBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[str] = []
    monkeypatch.setattr("threading.excepthook", lambda args: reports.append(repr(args.exc_value)))

    class Broken(PySpin.NodeCallback):
        def CallbackFunction(self, node: PySpin.INode) -> None:
            raise ValueError(node.GetName())

    PySpin.RegisterNodeCallback(camera.nodes.GetNode("Height"), Broken())
    camera.integer("Height").SetValue(480)
    assert reports == ["ValueError('Height')"]
    assert camera.integer("Height").GetValue() == 480


@pytest.mark.parametrize("arguments", [(None, None), ("Height", None)])
def test_wrong_arguments_are_type_errors(camera: LocalBench, arguments: tuple[object, object]) -> None:
    with pytest.raises(TypeError):
        PySpin.RegisterNodeCallback(*arguments)
    with pytest.raises(TypeError):
        PySpin.DeregisterNodeCallback(arguments[1])
