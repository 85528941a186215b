"""What firmware 1905.4.83 did wrong and 1905.4.103 mended (release notes, S10), and networks that cannot run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import NEW_FIRMWARE, OLD_FIRMWARE, FaultSpec, Quirks, SimulationSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

OFTEN = Quirks(sync_freeze_chance=0.1, long_freeze_s=0.0)


def _load(camera: LocalBench) -> None:
    camera.upload("InferenceNetwork", tiny_ir())
    camera.clock.sleep(1.0)
    camera.flag("InferenceEnable").SetValue(True)
    camera.enable_chunks()


def _frames_until_freeze(camera: LocalBench, most: int = 400) -> int:
    camera.camera.BeginAcquisition()
    taken = 0
    try:
        for taken in range(most):  # noqa: B007 - the count is the result
            camera.camera.GetNextImage(2000).Release()
    except PySpin.SpinnakerException as exc:
        assert exc.errorcode == -1011  # noqa: PT017 - any other failure is none of a frozen stream
    camera.camera.EndAcquisition()
    return taken


def test_inference_sync_freezes_the_acquisition_until_it_is_started_again_f901() -> None:
    with bench(SimulationSpec(firmware=OLD_FIRMWARE, quirks=OFTEN)) as camera:
        _load(camera)
        camera.trigger_on("InferenceReady")
        runs = [_frames_until_freeze(camera) for _ in range(8)]
        assert len(set(runs)) > 3
        assert all(frames < 399 for frames in runs)


def test_the_freeze_belongs_to_the_seed() -> None:
    def run(seed: int) -> list[int]:
        with bench(SimulationSpec(firmware=OLD_FIRMWARE, quirks=OFTEN, seed=seed)) as camera:
            _load(camera)
            camera.trigger_on("InferenceReady")
            return [_frames_until_freeze(camera) for _ in range(3)]

    assert run(1) == run(1) != run(2)


@pytest.mark.parametrize(
    ("firmware", "sync", "enabled"),
    [(NEW_FIRMWARE, True, True), (OLD_FIRMWARE, False, True), (OLD_FIRMWARE, False, False)],
)
def test_only_inference_sync_of_the_old_firmware_freezes(firmware: str, sync: bool, enabled: bool) -> None:
    with bench(SimulationSpec(firmware=firmware, quirks=OFTEN)) as camera:
        _load(camera)
        camera.flag("InferenceEnable").SetValue(enabled)
        if sync:
            camera.trigger_on("InferenceReady")
        assert _frames_until_freeze(camera) == 399


def test_streaming_freezes_after_inferring_for_long_f4843() -> None:
    quirks = Quirks(sync_freeze_chance=0.0, long_freeze_s=60.0)
    for firmware, freezes in ((OLD_FIRMWARE, True), (NEW_FIRMWARE, False)):
        with bench(SimulationSpec(firmware=firmware, quirks=quirks)) as camera:
            _load(camera)
            camera.camera.BeginAcquisition()
            camera.clock.sleep(29.0)
            camera.camera.GetNextImage(1000).Release()
            camera.clock.sleep(62.0)
            frozen = camera.device.counters().get("frames_frozen", 0) > 0
            assert frozen is freezes
            camera.camera.EndAcquisition()
            camera.camera.BeginAcquisition()
            camera.camera.GetNextImage(1000).Release()
            camera.camera.EndAcquisition()


def _upload_nonsense(camera: LocalBench) -> None:
    camera.upload("InferenceNetwork", b"no network" * 50)


def _is_there(camera: LocalBench) -> bool:
    return camera.device.info() is not None


def _reopen(camera: LocalBench) -> None:
    camera.camera.DeInit()
    camera.camera.Init()


@pytest.mark.parametrize(
    "spec",
    [SimulationSpec(firmware=OLD_FIRMWARE), SimulationSpec(quirks=Quirks(corrupt_network="reset"))],
    ids=["F-937", "item 10"],
)
def test_a_network_that_cannot_run_may_take_the_camera_off_the_bus(spec: SimulationSpec) -> None:
    with bench(spec) as camera:
        _upload_nonsense(camera)
        assert _is_there(camera)
        camera.clock.sleep(0.7)  # the load takes 0.6 s
        assert not _is_there(camera)
        camera.clock.sleep(3.0)
        assert _is_there(camera)
        _reopen(camera)
        camera.choose("FileSelector", "InferenceNetwork")
        assert camera.integer("FileSize").GetValue() == 0


def test_the_reset_is_at_the_end_of_the_load_even_where_nobody_looks() -> None:
    with bench(SimulationSpec(firmware=OLD_FIRMWARE)) as camera:
        _upload_nonsense(camera)
        camera.clock.sleep(5.0)
        assert _is_there(camera)
        with pytest.raises(PySpin.SpinnakerException):
            camera.read("DeviceUptime")
        _reopen(camera)
        assert camera.integer("DeviceUptime").GetValue() == 1


def test_a_broken_network_in_flash_does_not_reset_the_camera_at_every_boot() -> None:
    with bench(SimulationSpec(firmware=OLD_FIRMWARE)) as camera:
        camera.open_for_writing("InferenceNetwork")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.write_chunk(b"no network" * 50)
        camera.must("Close")
        camera.clock.sleep(20.0)
        assert _is_there(camera)
        _reopen(camera)
        camera.choose("FileSelector", "InferenceNetwork")
        assert camera.integer("FileSize").GetValue() == 500
        camera.clock.sleep(20.0)
        assert camera.read("DeviceTemperature")


def test_a_network_that_cannot_run_may_load_for_ever() -> None:
    with bench(SimulationSpec(quirks=Quirks(corrupt_network="hang"))) as camera:
        _upload_nonsense(camera)
        camera.clock.sleep(1000.0)
        assert camera.read("InferenceNetworkStatus") == "Loading"
        camera.trigger_on("InferenceReady")
        camera.flag("InferenceEnable").SetValue(True)
        camera.camera.BeginAcquisition()
        with pytest.raises(PySpin.SpinnakerException, match="-1011"):
            camera.camera.GetNextImage(500)
        camera.camera.EndAcquisition()
        camera.flag("InferenceEnable").SetValue(False)
        camera.upload("InferenceNetwork", tiny_ir())
        assert camera.await_network() == "Ready"


def test_a_fault_of_the_load_ends_in_error_on_every_firmware() -> None:
    for quirks in (Quirks(), Quirks(corrupt_network="reset"), Quirks(corrupt_network="hang")):
        spec = SimulationSpec(quirks=quirks, faults=(FaultSpec("network.load", "corrupt"),))
        with bench(spec) as camera:
            camera.upload("InferenceNetwork", tiny_ir())
            assert camera.await_network() == "Error"


def test_the_type_selector_may_be_fixed_while_inference_is_on() -> None:
    """Section 7, item 7: it says nothing and keeps its value."""
    with bench(SimulationSpec(quirks=Quirks(type_fixed_while_enabled=True))) as camera:
        camera.flag("InferenceEnable").SetValue(True)
        camera.choose("InferenceNetworkTypeSelector", "Detection")
        _reopen(camera)
        assert camera.read("InferenceNetworkTypeSelector") == "Classification"
        camera.flag("InferenceEnable").SetValue(False)
        camera.choose("InferenceNetworkTypeSelector", "Detection")
        assert camera.read("InferenceNetworkTypeSelector") == "Detection"


@pytest.mark.parametrize("outlives", [True, False])
def test_a_result_may_outlive_its_network(outlives: bool) -> None:
    """Section 7, item 9."""
    with bench(SimulationSpec(quirks=replace(Quirks(), result_outlives_network=outlives))) as camera:
        camera.load(tiny_ir())
        camera.camera.BeginAcquisition()
        last = camera.grab(10)[-1]
        camera.camera.EndAcquisition()
        camera.choose("FileSelector", "InferenceNetwork")
        camera.must("Delete")
        camera.camera.BeginAcquisition()
        found = camera.grab(1)[-1]
        assert (found[1] == last[1] or found[1] > 0) is outlives
