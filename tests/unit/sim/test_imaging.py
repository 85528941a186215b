"""What exposure, gain, binning, reversal, pipeline and outputs do (facts/firefly-dl.md 1.5, S8, S9, S13)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.sim import pyspin as PySpin
from agent.sim.spec import SceneSpec, SimulationSpec, TransportSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

STANDING = SimulationSpec(scene=SceneSpec(parts_per_minute=0.0))


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(STANDING) as held:
        yield held


def picture(camera: LocalBench) -> NDArray[np.generic]:
    """One image of the standing line."""
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    pixels: NDArray[np.generic] = image.GetNDArray().copy()
    image.Release()
    camera.camera.EndAcquisition()
    return pixels


def manual(camera: LocalBench, exposure_us: float, gain_db: float = 0.0) -> None:
    camera.choose("ExposureAuto", "Off")
    camera.choose("GainAuto", "Off")
    camera.real("ExposureTime").SetValue(exposure_us)
    camera.real("Gain").SetValue(gain_db)


def test_half_the_exposure_gives_half_the_light(camera: LocalBench) -> None:
    full = picture(camera).astype(float)
    manual(camera, 2500.0)
    assert np.abs(picture(camera).astype(float) - full / 2).max() <= 0.5


def test_gain_makes_up_for_it_and_automatic_gain_does_so_by_itself(camera: LocalBench) -> None:
    full = picture(camera)
    manual(camera, 2500.0, 20 * math.log10(2))
    assert np.array_equal(picture(camera), full)
    camera.choose("GainAuto", "Continuous")
    assert camera.real("Gain").GetValue() == pytest.approx(20 * math.log10(2))
    assert np.array_equal(picture(camera), full)


def test_once_settles_and_falls_back_to_off(camera: LocalBench) -> None:
    manual(camera, 1000.0)
    camera.choose("ExposureAuto", "Once")
    assert (camera.read("ExposureAuto"), camera.real("ExposureTime").GetValue()) == ("Off", 5000.0)


def test_exposure_is_writable_only_with_its_automatic_off(camera: LocalBench) -> None:
    assert not PySpin.IsWritable(camera.nodes.GetNode("ExposureTime"))
    camera.choose("ExposureAuto", "Off")
    assert PySpin.IsWritable(camera.nodes.GetNode("ExposureTime"))


def test_gamma_off_lightens_less(camera: LocalBench) -> None:
    """The default gamma of 0.8 lifts dark pixels; without it they are darker."""
    with_gamma = picture(camera).mean()
    camera.flag("GammaEnable").SetValue(False)
    assert picture(camera).mean() < with_gamma


def test_binning_shrinks_the_sensor_and_averages_or_sums(camera: LocalBench) -> None:
    full = picture(camera).astype(float)
    camera.choose("BinningHorizontalMode", "Average")
    for axis in ("Horizontal", "Vertical"):
        camera.integer(f"Binning{axis}").SetValue(2)
    assert (camera.integer("WidthMax").GetValue(), camera.integer("Width").GetValue()) == (720, 720)
    assert camera.integer("Height").GetMax() == 540
    mean = full.reshape(540, 2, 720, 2).mean(axis=(1, 3))
    binned = picture(camera)
    assert binned.shape == (540, 720)
    assert np.array_equal(binned, mean.astype(np.uint8))
    camera.choose("BinningHorizontalMode", "Sum")
    assert np.array_equal(picture(camera), np.clip(mean * 4, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(("name", "axis"), [("ReverseX", 1), ("ReverseY", 0)])
def test_reversal_turns_the_region_round(camera: LocalBench, name: str, axis: int) -> None:
    camera.integer("Width").SetValue(640)
    camera.integer("Height").SetValue(480)
    straight = picture(camera)
    camera.flag(name).SetValue(True)
    assert np.array_equal(picture(camera), np.flip(straight, axis))


def test_the_vpu_sees_the_reversed_image_too() -> None:
    def answer(reverse: bool) -> tuple[int, float]:
        with bench(STANDING) as camera:
            camera.flag("ReverseX").SetValue(reverse)
            camera.load(tiny_ir())
            camera.enable_chunks()
            camera.camera.BeginAcquisition()
            row = camera.grab(6)[-1]
            camera.camera.EndAcquisition()
            return row[2], row[3]

    assert answer(True) != answer(False)


def test_the_share_of_the_link_limits_the_frame_rate(camera: LocalBench) -> None:
    """S9: 60 frames a second at most; 1440 x 1080 bytes each."""
    assert camera.real("AcquisitionResultingFrameRate").GetValue() == pytest.approx(60.0)
    assert camera.integer("DeviceLinkCurrentThroughput").GetValue() == 0
    camera.integer("DeviceLinkThroughputLimit").SetValue(15_544_000 // 16_000 * 16_000 + 1_000_000 % 16_000)
    limit = camera.integer("DeviceLinkThroughputLimit").GetValue()
    assert camera.real("AcquisitionResultingFrameRate").GetValue() == pytest.approx(limit / (1440 * 1080))
    camera.camera.BeginAcquisition()
    assert camera.integer("DeviceLinkCurrentThroughput").GetValue() == pytest.approx(limit, rel=1e-6)
    assert not PySpin.IsWritable(camera.nodes.GetNode("DeviceLinkThroughputLimit"))
    camera.camera.EndAcquisition()


def test_an_output_follows_its_source_and_the_inference_threshold(camera: LocalBench) -> None:
    """F-897: each line has a threshold for inferences; what it does exactly is a guess."""
    camera.choose("LineSelector", "Line1")
    assert not PySpin.IsAvailable(camera.nodes.GetNode("LineInferenceThreshold"))
    camera.choose("LineMode", "Output")
    camera.choose("LineSource", "UserOutput0")
    camera.flag("UserOutputValue").SetValue(True)
    assert camera.flag("LineStatus").GetValue()
    camera.load(tiny_ir())
    camera.enable_chunks()
    camera.choose("LineSource", "InferenceActive")
    camera.real("LineInferenceThreshold").SetValue(0.0)
    camera.camera.BeginAcquisition()
    confidence = camera.grab(4)[-1][3]
    assert camera.flag("LineStatus").GetValue()
    camera.camera.EndAcquisition()
    camera.real("LineInferenceThreshold").SetValue(min(1.0, confidence + 0.01))
    assert not camera.flag("LineStatus").GetValue()


def test_a_factory_reset_empties_the_user_sets_and_keeps_the_network_name(camera: LocalBench) -> None:
    """F-904: the name is not reset, a bug of the vendor's."""
    camera.integer("Width").SetValue(640)
    camera.choose("UserSetSelector", "UserSet0")
    PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
    PySpin.CStringPtr(camera.nodes.GetNode("InferenceNetworkName")).SetValue("mine")
    PySpin.CCommandPtr(camera.nodes.GetNode("FactoryReset")).Execute()
    camera.choose("UserSetSelector", "UserSet0")
    PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
    assert (camera.integer("Width").GetValue(), camera.read("InferenceNetworkName")) == (1440, "mine")


def test_user_sets_hold_inference_nodes_on_the_newer_firmware_only() -> None:
    """F-993: saved to user sets only from the later firmware."""

    def threshold(firmware: str) -> float:
        with bench(SimulationSpec(firmware=firmware, transport=TransportSpec())) as camera:
            camera.real("InferenceBoundingBoxThreshold").SetValue(0.25)
            camera.choose("UserSetSelector", "UserSet0")
            PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
            camera.real("InferenceBoundingBoxThreshold").SetValue(0.75)
            PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
            return float(camera.real("InferenceBoundingBoxThreshold").GetValue())

    assert (threshold("1905.4.103"), threshold("1905.4.83")) == (0.25, 0.5)


def test_a_trigger_after_each_image_is_never_lost() -> None:
    """S9: 60 frames a second; an image is complete on the host only when the sensor is read out."""
    with bench(STANDING) as camera:
        camera.trigger_on("Software")
        trigger = PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware"))
        camera.camera.BeginAcquisition()
        for number in range(20):
            trigger.Execute()
            image = camera.camera.GetNextImage(1000)
            assert image.GetFrameID() == number
            image.Release()
        camera.camera.EndAcquisition()
