"""ImageProcessor (facts/pyspin-surface.md 2.6)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.sim import pyspin as PySpin
from agent.sim.host.pixel_formats import LAYOUTS, pack
from agent.sim.host.processing import convert_image
from tests.support.vendor import LocalBench, bench


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def image_of(name: str, array: NDArray[np.uint8] | NDArray[np.uint16]) -> PySpin.ImagePtr:
    data = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
    return PySpin.Image.Create(array.shape[1], array.shape[0], 0, 0, getattr(PySpin, f"PixelFormat_{name}"), data)


def convert(image: PySpin.ImagePtr, name: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    converted = PySpin.ImageProcessor().Convert(image, getattr(PySpin, f"PixelFormat_{name}"))
    assert type(converted) is PySpin.ImagePtr
    assert converted.GetPixelFormatName() == name
    return converted.GetNDArray()


GREY = np.array([[0, 1, 100], [128, 254, 255]], np.uint8)


@pytest.mark.parametrize("name", ["RGB8", "BGR8", "RGB8Packed"])
def test_grey_becomes_three_equal_planes(name: str) -> None:
    assert np.array_equal(convert(image_of("Mono8", GREY), name), np.dstack([GREY] * 3))


def test_grey_goes_to_sixteen_bits_and_back() -> None:
    wide = convert(image_of("Mono8", GREY), "Mono16")
    assert wide.dtype == np.uint16
    assert np.array_equal(wide >> 8, GREY)
    assert np.array_equal(convert(image_of("Mono16", wide.astype(np.uint16)), "Mono8"), GREY)


@pytest.mark.parametrize("name", ["Mono10p", "Mono12p", "Mono10Packed", "Mono12Packed"])
def test_packed_formats_are_unpacked(name: str) -> None:
    layout = LAYOUTS[name]
    samples = GREY.astype(np.uint16).reshape(-1) << np.uint16(layout.sample_bits - 8)
    packed = pack(samples, layout)
    image = PySpin.Image.Create(3, 2, 0, 0, getattr(PySpin, f"PixelFormat_{name}"), packed)
    assert np.array_equal(convert(image, "Mono8"), GREY)
    assert np.array_equal(convert(image, "Mono16") >> 8, GREY)


def test_colours_change_places_and_become_their_luma() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert np.array_equal(convert(image_of("RGB8", rgb), "BGR8"), rgb[..., ::-1])
    assert np.array_equal(convert(image_of("BGR8", rgb), "RGB8"), rgb[..., ::-1])
    assert convert(image_of("RGB8", rgb), "Mono8").tolist() == [[76, 150, 29]]
    assert convert(image_of("BGR8", rgb), "Mono8").tolist() == [[29, 150, 76]]


@pytest.mark.parametrize(
    ("name", "cell"),
    [("BayerRG8", "RGGB"), ("BayerGR8", "GRBG"), ("BayerGB8", "GBRG"), ("BayerBG8", "BGGR")],
)
def test_a_uniform_colour_comes_out_of_every_bayer_pattern(name: str, cell: str) -> None:
    levels = {"R": 200, "G": 120, "B": 40}
    mosaic = np.tile(np.array([levels[c] for c in cell], np.uint8).reshape(2, 2), (3, 4))
    rgb = convert(image_of(name, mosaic), "RGB8")
    assert (rgb == np.array([200, 120, 40])).all()


def test_sixteen_bits_of_a_bayer_pattern_become_grey_of_sixteen_bits() -> None:
    mosaic = np.full((4, 4), 0xABCD, np.uint16)
    assert (convert(image_of("BayerRG16", mosaic), "Mono16") == 0xABCD).all()
    assert (convert(image_of("BayerRG16", mosaic), "BGR8") == 0xAB).all()


def test_the_same_format_is_a_copy_that_outlives_its_source(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    source = camera.camera.GetNextImage(1000)
    converted = PySpin.ImageProcessor().Convert(source, PySpin.PixelFormat_Mono8)
    expected, frame_id, stamp = source.GetNDArray().copy(), source.GetFrameID(), source.GetTimeStamp()
    source.GetNDArray()[:] = 0
    source.Release()
    camera.camera.EndAcquisition()
    assert np.array_equal(converted.GetNDArray(), expected)
    assert (converted.GetFrameID(), converted.GetTimeStamp()) == (frame_id, stamp)
    assert converted.IsInUse() is False
    converted.Release()
    assert converted.GetWidth() == 1440


def test_a_pair_that_is_not_supported_raises() -> None:
    image = image_of("Mono8", GREY)
    for target in (PySpin.PixelFormat_BayerRG8, PySpin.PixelFormat_Mono12p, 9999):
        with pytest.raises(PySpin.SpinnakerException) as refused:
            PySpin.ImageProcessor().Convert(image, target)
        assert refused.value.errorcode == -3001
    with pytest.raises(TypeError):
        PySpin.ImageProcessor().Convert(image, "Mono8")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        PySpin.ImageProcessor().Convert(GREY, PySpin.PixelFormat_Mono8)  # type: ignore[arg-type]


def test_an_image_that_was_released_cannot_be_converted(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    image.Release()
    with pytest.raises(PySpin.SpinnakerException, match="-1006"):
        PySpin.ImageProcessor().Convert(image, PySpin.PixelFormat_RGB8)


def test_a_processor_keeps_its_settings() -> None:
    processor = PySpin.ImageProcessor()
    assert processor.GetColorProcessing() == PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_NEAREST_NEIGHBOR
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    assert processor.GetColorProcessing() == PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR
    processor.SetNumDecompressionThreads(4)
    assert processor.GetNumDecompressionThreads() == 4
    with pytest.raises(PySpin.SpinnakerException, match="-1009"):
        processor.SetColorProcessing(77)
    with pytest.raises(TypeError):
        processor.SetColorProcessing("HQ_LINEAR")  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match=r"ImageProcessor\.ApplyGamma"):
        processor.ApplyGamma(image_of("Mono8", GREY), 1.0)


def test_old_generations_convert_with_an_algorithm_of_their_own_numbers() -> None:
    converted = convert_image(image_of("Mono8", GREY), PySpin.PixelFormat_BGR8, 10)
    assert converted.GetNDArray().shape == (2, 3, 3)
