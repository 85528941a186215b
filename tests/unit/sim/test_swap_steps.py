"""Networks on the camera: loading, status, properties, injected images, and a fault for every step of a swap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.sim import pyspin as PySpin
from agent.sim.spec import FaultSpec, Quirks, SceneSpec, SimulationSpec, StorageSpec, VpuSpec, fault_from_mapping
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

SPEC = SimulationSpec(scene=SceneSpec(parts_per_minute=600, distinct=3))


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(SPEC) as held:
        yield held


def _classes(camera: LocalBench, count: int = 15) -> dict[int, int]:
    """Class by part of one acquisition with inference sync."""
    camera.trigger_on("InferenceReady")
    camera.camera.BeginAcquisition()
    since_ns = camera.device.truth()["exposures"][-1:]
    camera.grab(count)
    camera.camera.EndAcquisition()
    camera.choose("TriggerMode", "Off")
    truth = camera.device.truth(since_ns[0]["timestamp_ns"] + 1 if since_ns else 0)
    parts = {e["timestamp_ns"]: e["part"] % 3 for e in truth["exposures"]}
    return {parts[r["timestamp_ns"]]: r["class_id"] for r in truth["inferences"]}


def test_the_status_is_loading_for_the_load_time_and_then_ready(camera: LocalBench) -> None:
    assert camera.read("InferenceNetworkStatus") == "NoNetwork"
    camera.upload("InferenceNetwork", tiny_ir())
    closed_ns = camera.clock.now_ns()
    assert camera.read("InferenceNetworkStatus") == "Loading"
    while camera.read("InferenceNetworkStatus") == "Loading":
        camera.clock.sleep(0.01)
    assert (camera.clock.now_ns() - closed_ns) / 1e9 == pytest.approx(0.6, abs=0.1)
    assert camera.read("InferenceNetworkStatus") == "Ready"


def test_the_status_may_lag_behind_the_truth() -> None:
    with bench(replace(SPEC, quirks=Quirks(status_lag_s=0.2))) as camera:
        camera.upload("InferenceNetwork", tiny_ir(seed=1))
        assert camera.read("InferenceNetworkStatus") == "NoNetwork"
        camera.clock.sleep(0.3)
        assert camera.read("InferenceNetworkStatus") == "Loading"
        camera.clock.sleep(1.0)
        camera.upload("InferenceNetwork", tiny_ir(seed=2))
        assert camera.read("InferenceNetworkStatus") == "Ready"  # of the network that is gone
        camera.clock.sleep(0.3)
        assert camera.read("InferenceNetworkStatus") == "Loading"


def test_properties_tell_what_was_loaded(camera: LocalBench) -> None:
    data = tiny_ir(classes=5, size=20, channels=3)
    camera.upload("InferenceNetwork", data)
    assert camera.integer("InferenceNetworkSize").GetValue() == 0  # not before it is loaded
    assert camera.await_network() == "Ready"
    names = ("Size", "InputWidth", "InputHeight", "InputChannels", "OutputClasses")
    values = [camera.integer(f"InferenceNetwork{n}").GetValue() for n in names]
    assert values == [len(data), 20, 20, 3, 5]


@pytest.mark.parametrize(
    "data", [b"no network at all", tiny_ir()[:-100] + bytes(100), tiny_ir(channels=2)], ids=["text", "cut", "channels"]
)
def test_a_network_that_cannot_run_ends_in_error_and_never_answers(camera: LocalBench, data: bytes) -> None:
    camera.upload("InferenceNetwork", data)
    assert camera.await_network() == "Error"
    camera.flag("InferenceEnable").SetValue(True)
    camera.enable_chunks()
    camera.camera.BeginAcquisition()
    assert {row[1] for row in camera.grab(20)} == {-1}


def test_a_network_beyond_the_limit_ends_in_error() -> None:
    with bench(replace(SPEC, storage=StorageSpec(max_network_bytes=1000))) as camera:
        assert camera.integer("InferenceNetworkMaxSize").GetValue() == 1000
        camera.upload("InferenceNetwork", tiny_ir())
        assert camera.await_network() == "Error"


def test_deleting_the_network_clears_status_and_properties(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.flag("InferenceEnable").SetValue(False)
    camera.must("Delete")
    assert camera.read("InferenceNetworkStatus") == "NoNetwork"
    assert camera.integer("InferenceNetworkSize").GetValue() == 0


def test_a_detection_type_selector_makes_a_classifier_say_nothing(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.choose("InferenceNetworkTypeSelector", "Detection")
    camera.camera.BeginAcquisition()
    assert {row[1] for row in camera.grab(20)} == {-1}


def test_preprocessing_changes_what_the_network_sees(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    before = _classes(camera)
    camera.real("InferencePreprocessChannelScalar").SetValue(1.0)
    sharper = camera.device.truth()
    after = _classes(camera)
    assert sharper["inferences"]
    assert set(before) & set(after)
    confidences = [r["confidence"] for r in camera.device.truth()["inferences"][-10:]]
    assert np.mean(confidences) > 0.99  # a 127.5 times larger signal saturates the softmax


def _injected(pixels: NDArray[np.uint8]) -> bytes:
    """8-bit value << 2 in 16-bit little-endian words (facts section 8)."""
    return (pixels.astype("<u2") << 2).tobytes()


def test_an_injected_image_is_inferred_and_delivered_in_place_of_the_sensors(camera: LocalBench) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64)).astype(np.uint8)
    camera.load(tiny_ir())
    camera.upload("InjectedImage", _injected(pixels))
    camera.integer("InjectedWidth").SetValue(64)
    camera.integer("InjectedHeight").SetValue(48)
    camera.choose("TestPatternGeneratorSelector", "PipelineStart")
    camera.choose("TestPattern", "InjectedImage")
    for name in ("DenoiseEnable", "SharpeningEnable", "GammaEnable", "BlackLevelClampingEnable"):
        camera.flag(name).SetValue(False)
    camera.camera.BeginAcquisition()
    rows = camera.grab(10)
    assert len({row[2:] for row in rows[3:]}) == 1
    assert np.array_equal(camera.camera.GetNextImage(1000).GetNDArray()[:48, :64], pixels)
    camera.camera.EndAcquisition()
    camera.choose("TestPattern", "Off")
    camera.camera.BeginAcquisition()
    assert camera.grab(30)[-1][2:] != rows[-1][2:]


def test_the_service_time_is_what_the_nodes_say_and_slows_down_with_the_plant() -> None:
    with bench(replace(SPEC, vpu=VpuSpec(jitter_sigma=0.0))) as camera:
        camera.load(tiny_ir())
        camera.camera.BeginAcquisition()
        camera.grab(5)
        shown = camera.real("InferenceTime").GetValue() + camera.real("InferenceScalingTime").GetValue()
        assert camera.device.truth()["inferences"][-1]["service_ms"] == pytest.approx(shown)
        camera.device.set_slowdown(10.0)
        camera.grab(20)
        assert camera.real("InferenceTime").GetValue() > shown


# -- every step of a swap fails once ------------------------------------------------------------------------------


def _swap(camera: LocalBench) -> str:
    """The steps of a swap on a camera that runs one network; where it stopped, or "done"."""
    steps: dict[str, Callable[[], object]] = {
        "stop": camera.camera.EndAcquisition,
        "disable": lambda: _enable(camera, False),
        "upload": lambda: camera.upload("InferenceNetwork", tiny_ir(seed=2)),
        "load": lambda: _must_be(camera.await_network(), "Ready"),
        "enable": lambda: _enable(camera, True),
        "enabled": lambda: _must_be(camera.flag("InferenceEnable").GetValue(), True),
        "start": camera.camera.BeginAcquisition,
        "frames": lambda: camera.grab(5),
    }
    for name, step in steps.items():
        try:
            step()
        except (PySpin.SpinnakerException, AssertionError):
            return name
    return "done"


def _enable(camera: LocalBench, value: bool) -> None:
    camera.flag("InferenceEnable").SetValue(value)


def _must_be(actual: object, wanted: object) -> None:
    assert actual == wanted


@pytest.mark.parametrize(
    ("operation", "effect", "step"),
    [
        ("acquisition.stop", "io_error", "stop"),
        ("file.delete", "wrong_status", "upload"),
        ("file.delete", "io_error", "upload"),
        ("file.open", "wrong_status", "upload"),
        ("file.write", "wrong_status", "upload"),
        ("file.write", "io_error", "upload"),
        ("file.write", "corrupt", "load"),
        ("file.close", "wrong_status", "upload"),
        ("network.load", "wrong_status", "load"),
        ("inference.enable", "io_error", "enable"),
        ("inference.enable", "wrong_status", "enabled"),
        ("acquisition.start", "io_error", "start"),
        ("acquisition.start", "frozen", "frames"),
        ("acquisition.start", "wrong_status", "frames"),
        ("register", "io_error", "stop"),
        ("register", "unplug", "stop"),
    ],
)
def test_each_step_of_a_swap_can_be_made_to_fail(camera: LocalBench, operation: str, effect: str, step: str) -> None:
    camera.load(tiny_ir(seed=1))
    camera.camera.BeginAcquisition()
    camera.device.inject_fault(fault_from_mapping({"operation": operation, "effect": effect}))
    assert _swap(camera) == step
    assert camera.device.counters()[f"fault.{operation}"] == 1


def test_a_stall_takes_its_time_and_nothing_else(camera: LocalBench) -> None:
    camera.load(tiny_ir(seed=1))
    camera.camera.BeginAcquisition()
    for operation in ("acquisition.stop", "file.open", "network.load", "acquisition.start"):
        camera.device.inject_fault(FaultSpec(operation, "stall", seconds=7.0))
    start_ns = camera.clock.now_ns()
    assert _swap(camera) == "done"
    assert 28.0 < (camera.clock.now_ns() - start_ns) / 1e9 < 32.0


@pytest.mark.parametrize("operation", ["network.load", "inference"])
def test_a_network_can_load_and_compute_wrong_outputs(camera: LocalBench, operation: str) -> None:
    camera.load(tiny_ir())
    right = _classes(camera, 40)
    camera.flag("InferenceEnable").SetValue(False)
    camera.device.inject_fault(FaultSpec(operation, "wrong_output", count=1 if "load" in operation else 99))
    camera.upload("InferenceNetwork", tiny_ir())
    assert camera.await_network() == "Ready"
    camera.flag("InferenceEnable").SetValue(True)
    wrong = _classes(camera, 40)
    shared = set(right) & set(wrong)
    assert len(shared) > 1
    assert all((right[part] + 1) % 8 == wrong[part] for part in shared)


def test_a_hanging_vpu_answers_nothing_until_inference_is_switched_off_and_on(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.device.inject_fault(FaultSpec("inference", "frozen"))
    camera.camera.BeginAcquisition()
    assert {row[1] for row in camera.grab(60)} == {-1}
    camera.camera.EndAcquisition()
    camera.flag("InferenceEnable").SetValue(False)
    camera.flag("InferenceEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    assert camera.grab(10)[-1][1] > 0


def test_a_fault_strikes_the_nth_time_and_count_times() -> None:
    faults = (FaultSpec("file.open", "wrong_status", nth=2, count=2),)
    with bench(replace(SPEC, faults=faults)) as camera:
        camera.choose("FileSelector", "UserFile1")
        seen = []
        for _ in range(4):
            seen.append(camera.execute("Open"))
            camera.execute("Close")
        assert seen == ["Success", "Failure", "Failure", "Success"]


def test_a_cable_pulled_by_the_stream_ends_it(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("stream", "unplug", nth=5))
    camera.enable_chunks()
    camera.camera.BeginAcquisition()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.grab(10)
    assert not camera.camera.IsValid()


def test_the_camera_warms_up_with_its_duty(camera: LocalBench) -> None:
    cold = camera.real("DeviceTemperature").GetValue()
    camera.clock.sleep(600)
    assert camera.real("DeviceTemperature").GetValue() == pytest.approx(cold, abs=0.5)
    camera.load(tiny_ir())
    camera.device.set_slowdown(50.0)
    camera.camera.BeginAcquisition()
    camera.clock.sleep(600)
    assert camera.real("DeviceTemperature").GetValue() > cold + 5
