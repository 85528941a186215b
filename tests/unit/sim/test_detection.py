"""Detection networks: which boxes an image carries, and what a wrong type selector makes of an answer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from agent.sim.chunks import Box, FinishedResult, Frame, FrameSettings, Geometry
from agent.sim.network import load_network
from agent.sim.outputs import BOX_FORMATS, Outcome, OutputReading, read_output
from agent.sim.spec import FaultSpec, Quirks, SceneSpec, SimulationSpec
from agent.sim.wire import pack_frame, unpack_frame
from tests.support.networks import ROWS, tiny_detector, tiny_ir, tiny_ssd
from tests.support.vendor import LocalBench, bench

IMAGE = Geometry(200, 100, 0, 0, "Mono8")
READING = OutputReading("Detection", "XminYminXmaxYmax", 0.5, 64)


def _rows(*rows: tuple[float, ...]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(rows, np.float32).ravel()


def _detect(camera: LocalBench, network: bytes) -> None:
    camera.upload("InferenceNetwork", network)
    camera.await_network()
    camera.choose("InferenceNetworkTypeSelector", "Detection")
    camera.flag("InferenceEnable").SetValue(True)
    camera.enable_chunks()


def _frame_boxes(camera: LocalBench, count: int = 12) -> tuple[Box, ...]:
    """Boxes that the newest finished inference left in the truth."""
    camera.camera.BeginAcquisition()
    camera.grab(count)
    camera.camera.EndAcquisition()
    row = camera.device.truth()["inferences"][-1]
    return tuple(Box(**box) for box in row["boxes"])


def test_rows_become_boxes_in_pixels_of_the_image() -> None:
    boxes = read_output(_rows((0, 2, 0.75, 0.125, 0.25, 0.5, 0.75)), READING, IMAGE).boxes
    assert boxes == (Box(2, 0.75, 25, 25, 100, 75),)


@pytest.mark.parametrize(
    ("name", "corners"),
    [
        ("XminYminXmaxYmax", (20, 20, 60, 80)),
        ("YminXminYmaxXmax", (40, 10, 160, 30)),
        ("CenterXCenterYWidthHeight", (-10, -20, 50, 60)),
    ],
)
def test_the_box_format_says_what_the_last_four_numbers_are(name: str, corners: tuple[int, ...]) -> None:
    reading = replace(READING, box_format=name)
    (box,) = read_output(_rows((0, 1, 0.9, 0.1, 0.2, 0.3, 0.8)), reading, IMAGE).boxes
    assert (box.left, box.top, box.right, box.bottom) == corners


def test_the_formats_are_the_entries_of_the_node() -> None:
    with bench() as camera:
        node = camera.enum("InferenceNetworkOutputFormatSelector")
        assert all(node.GetEntryByName(name) is not None for name in BOX_FORMATS)
        assert len(node.GetEntries()) == len(BOX_FORMATS)


def test_background_weak_boxes_and_what_follows_the_end_of_the_list_are_dropped() -> None:
    """Class 0 is the background; the camera drops boxes below the threshold before sending (S1)."""
    whole = (0.0, 0.0, 1.0, 1.0)
    found = read_output(
        _rows(
            (0, 0, 0.99, *whole),
            (0, 1, 0.49, *whole),
            (0, 2, 0.5, *whole),
            (0, 3, float("nan"), *whole),
            (-1, 1, 0.9, *whole),
            (0, 4, 0.9, *whole),
        ),
        READING,
        IMAGE,
    )
    assert [b.class_id for b in found.boxes] == [2]
    assert (found.class_id, found.confidence) == (0, 0.0)


def test_only_the_first_boxes_are_sent_s3() -> None:
    rows = _rows(*((0, k, 0.9, 0, 0, 1, 1) for k in range(1, 9)))
    found = read_output(rows, replace(READING, max_boxes=3), IMAGE)
    assert [b.class_id for b in found.boxes] == [1, 2, 3]


def test_boxes_overshoot_the_image_but_not_their_16_bits() -> None:
    """S13 clips them itself: what the camera sends may lie outside."""
    (box,) = read_output(_rows((0, 1, 0.9, -0.5, 0.25, 1e6, 2.0)), READING, IMAGE).boxes
    assert (box.left, box.top, box.right, box.bottom) == (-100, 25, 32767, 200)


@pytest.mark.parametrize("flat", [False, True])
def test_both_shapes_of_a_box_list_are_a_detector(flat: bool) -> None:
    network = load_network(tiny_detector(flat=flat), {})
    assert (network.kind, network.boxes, network.classes) == ("Detection", len(ROWS) + 1, 0)


def test_an_ssd_head_tells_its_classes_and_its_boxes_are_seen_by_the_camera() -> None:
    network = load_network(tiny_ssd(classes=4, kept=5), {})
    assert (network.kind, network.boxes, network.classes) == ("Detection", 5, 4)
    with bench(SimulationSpec(scene=SceneSpec(distinct=3))) as camera:
        _detect(camera, tiny_ssd())
        assert camera.integer("InferenceNetworkOutputClasses").GetValue() == 4
        boxes = _frame_boxes(camera)
        assert boxes
        assert {b.class_id for b in boxes} <= {1, 2, 3}


def test_a_classifier_is_none() -> None:
    network = load_network(tiny_ir(), {})
    assert (network.kind, network.boxes, network.classes) == ("Classification", 0, 8)


def test_an_image_carries_the_boxes_of_its_inference_and_no_class() -> None:
    with bench() as camera:
        _detect(camera, tiny_detector())
        boxes = _frame_boxes(camera)
        assert [(b.class_id, round(b.confidence, 3)) for b in boxes] == [(2, 0.9), (1, 0.7)]
        assert (boxes[0].left, boxes[0].top, boxes[0].right, boxes[0].bottom) == (180, 270, 720, 810)
        assert boxes[1].right == 1800  # 1.25 of 1440: it overshoots
        assert {(r["class_id"], r["confidence"]) for r in camera.device.truth()["inferences"]} == {(0, 0.0)}


def test_the_threshold_acts_on_the_camera_while_it_streams() -> None:
    with bench() as camera:
        _detect(camera, tiny_detector())
        camera.real("InferenceBoundingBoxThreshold").SetValue(0.1)
        assert len(_frame_boxes(camera)) == 3
        camera.camera.BeginAcquisition()
        camera.real("InferenceBoundingBoxThreshold").SetValue(0.8)
        camera.grab(20)
        assert len(camera.device.truth()["inferences"][-1]["boxes"]) == 1
        camera.camera.EndAcquisition()


def test_a_wrong_output_is_a_wrong_class_of_every_box() -> None:
    with bench() as camera:
        _detect(camera, tiny_detector())
        camera.device.inject_fault(FaultSpec("inference", "wrong_output", count=1000))
        assert [b.class_id for b in _frame_boxes(camera)] == [3, 2]


def test_a_wrong_class_stays_one_that_the_network_has() -> None:
    boxes = (Box(3, 0.9, 0, 0, 1, 1), Box(1, 0.9, 0, 0, 1, 1))
    assert [b.class_id for b in Outcome(boxes=boxes).spoilt(4, "Detection").boxes] == [1, 2]
    assert Outcome(7, 0.5).spoilt(8, "Classification") == Outcome(0, 0.5)
    assert Outcome().spoilt(4, "Detection") == Outcome()


@pytest.mark.parametrize(("kind", "network"), [("Classification", tiny_detector()), ("Detection", tiny_ir())])
def test_by_default_nothing_is_inferred_with_the_wrong_type(kind: str, network: bytes) -> None:
    with bench() as camera:
        _detect(camera, network)
        camera.choose("InferenceNetworkTypeSelector", kind)
        camera.camera.BeginAcquisition()
        camera.grab(10)
        assert camera.device.truth()["inferences"] == []
        assert camera.read("InferenceNetworkStatus") == "Ready"


def test_a_wrong_type_may_show_as_an_error_while_inference_is_on() -> None:
    with bench(SimulationSpec(quirks=Quirks(type_mismatch="status_error"))) as camera:
        _detect(camera, tiny_ir())
        assert camera.read("InferenceNetworkStatus") == "Error"
        camera.choose("InferenceNetworkTypeSelector", "Classification")
        assert camera.read("InferenceNetworkStatus") == "Ready"


def test_a_wrong_type_may_be_read_as_garbage() -> None:
    with bench(SimulationSpec(quirks=Quirks(type_mismatch="garbage"))) as camera:
        camera.load(tiny_detector())  # selects Classification
        camera.camera.BeginAcquisition()
        camera.grab(10)
        row = camera.device.truth()["inferences"][-1]
        # The largest of all numbers: the class 3 of the last row, as if it were a score.
        assert (row["class_id"], row["confidence"]) == (3 * 7 + 1, 3.0)
        assert row["boxes"] == []


def test_boxes_cross_the_socket() -> None:
    boxes = (Box(2, 0.25, -5, 0, 32767, -32768), Box(1, 0.125, 1, 2, 3, 4))
    settings = FrameSettings(IMAGE, frozenset({"FrameID"}), 1.0, 0.0, 0.0)
    for result in (FinishedResult(7, 0, 0.0, boxes), FinishedResult(7, 3, 0.5)):
        frame = Frame(9, 100, settings, result, None, token=4)
        for known in (None, settings):
            again = unpack_frame(pack_frame(frame, known), known)
            assert (again.result, again.settings, again.token) == (result, settings, 4)


def test_the_truth_of_boxes_is_json() -> None:
    with bench() as camera:
        _detect(camera, tiny_detector())
        _frame_boxes(camera)
        report = camera.device.truth()
        assert json.loads(json.dumps(report)) == report


def test_equal_detectors_answer_equally_and_by_the_image() -> None:
    outcomes = []
    for _ in range(2):
        with bench(SimulationSpec(scene=SceneSpec(parts_per_minute=600, distinct=4))) as camera:
            _detect(camera, tiny_detector(light=0.2))
            camera.trigger_on("Line0")
            camera.camera.BeginAcquisition()
            camera.grab(6)
            outcomes.append([r["boxes"] for r in camera.device.truth()["inferences"]])
    assert outcomes[0] == outcomes[1]
    assert len({json.dumps(boxes) for boxes in outcomes[0]}) > 1
