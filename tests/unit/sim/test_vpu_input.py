"""What the scaler writes for a network: training pixel format, mean and scale by channel (S2, S22)."""

from __future__ import annotations

import numpy as np

from agent.sim.spec import SimulationSpec
from agent.sim.vpu import Preprocessing, lay_out
from tests.support.networks import tiny_ir
from tests.support.vendor import bench

GREY = np.arange(12, dtype=np.float32).reshape(3, 4)
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_grey_network_sees_the_image() -> None:
    assert np.array_equal(lay_out(GREY, Preprocessing(*PLAIN, "Mono8"), 1)[0, 0], GREY)


def test_a_colour_network_sees_it_in_every_plane_with_its_own_mean_and_scale() -> None:
    planes = lay_out(GREY, Preprocessing((0.0, 2.0, 4.0), (1.0, 2.0, 4.0), "BGR8"), 3)[0]
    assert planes.shape == (3, 3, 4)
    for plane, (mean, scale) in zip(planes, [(0, 1), (2, 2), (4, 4)], strict=True):
        assert np.array_equal(plane, (GREY - mean) / scale)


def test_16_bits_are_256_times_the_level() -> None:
    assert np.array_equal(lay_out(GREY, Preprocessing(*PLAIN, "Mono16"), 1)[0, 0], GREY * 256)


def test_a_grey_network_that_is_given_colour_sees_every_pixel_thrice() -> None:
    seen = lay_out(GREY, Preprocessing(*PLAIN, "BGR8"), 1)[0, 0]
    assert seen.ravel().tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_a_colour_network_that_is_given_grey_sees_the_image_squeezed_and_then_nothing() -> None:
    """F-851: colour inference is unstable with MONO8."""
    planes = lay_out(GREY, Preprocessing(*PLAIN, "Mono8"), 3)[0]
    assert np.moveaxis(planes, 0, 2).ravel().tolist() == [*range(12), *[0] * 24]


def test_the_selector_decides_what_the_network_answers() -> None:
    with bench(SimulationSpec()) as camera:
        camera.load(tiny_ir(channels=1))
        answers = []
        for name in ("Mono8", "Mono16", "BGR8"):
            camera.choose("InferencePreprocessBppSelector", name)
            camera.camera.BeginAcquisition()
            camera.grab(8)
            camera.camera.EndAcquisition()
            row = camera.device.truth()["inferences"][-1]
            answers.append((row["class_id"], row["confidence"]))
    assert len(set(answers)) == 3
