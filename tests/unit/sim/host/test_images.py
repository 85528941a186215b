"""Images under the vendor's names (facts/pyspin-surface.md 2.5, 3.4)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec
from tests.support.vendor import LocalBench, bench


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench() as held:
        yield held


def small(camera: LocalBench) -> None:
    camera.integer("Width").SetValue(64)
    camera.integer("Height").SetValue(48)
    camera.integer("OffsetX").SetValue(200)
    camera.integer("OffsetY").SetValue(100)


def created(pixel_format: int = PySpin.PixelFormat_Mono8, size: int = 12) -> PySpin.ImagePtr:
    data = np.arange(size, dtype=np.uint8)
    return PySpin.Image.Create(4, 3, 8, 16, pixel_format, data)


def test_a_grabbed_image_says_where_it_comes_from(camera: LocalBench) -> None:
    small(camera)
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    assert isinstance(image, PySpin.ImagePtr)
    assert isinstance(image, PySpin.Image)
    assert (image.GetWidth(), image.GetHeight(), image.GetXOffset(), image.GetYOffset()) == (64, 48, 200, 100)
    assert (image.GetStride(), image.GetImageSize(), image.GetBufferSize()) == (64, 3072, 3072)
    assert image.GetValidPayloadSize() == 3072
    assert (image.GetXPadding(), image.GetYPadding(), image.GetStreamIndex(), image.GetChunkLayoutId()) == (0, 0, 0, 0)
    assert image.GetPixelFormat() == PySpin.PixelFormat_Mono8
    assert image.GetTLPixelFormat() == 0x01080001
    assert (image.GetPixelFormatName(), image.GetNumChannels(), image.GetBitsPerPixel()) == ("Mono8", 1, 8)
    assert (image.GetDataAbsoluteMin(), image.GetDataAbsoluteMax()) == (0.0, 255.0)
    assert (image.GetPayloadType(), image.GetTLPayloadType(), image.GetTLPixelFormatNamespace()) == (1, 1, 4)
    assert (image.GetFrameID(), image.GetID()) == (0, 0)
    assert image.IsInUse() is True
    assert (image.IsCompressed(), image.HasCRC(), image.IsValid(), bool(image)) == (False, False, True, True)


def test_an_image_that_was_released_refuses_every_question(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    image.Release()
    assert image.IsInUse() is False
    for ask in (
        image.GetNDArray, image.GetData, image.GetWidth, image.GetFrameID, image.GetTimeStamp, image.IsIncomplete,
        image.GetImageStatus, image.GetPixelFormat, image.GetChunkData, image.HasCRC,
    ):  # fmt: skip
        with pytest.raises(PySpin.SpinnakerException, match="released") as refused:
            ask()
        assert refused.value.errorcode == -1006


def test_release_after_the_acquisition_is_harmless(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    camera.camera.EndAcquisition()
    image.Release()
    image.Release()


def test_pixels_are_still_there_after_the_acquisition_until_release(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    camera.camera.EndAcquisition()
    assert image.GetNDArray().shape == (1080, 1440)


@pytest.mark.parametrize(
    ("name", "bits", "dtype", "size"),
    [
        ("Mono8", 8, np.uint8, 3072),
        ("Mono16", 16, np.uint16, 3072),
        ("Mono10p", 10, np.uint8, 3840),
        ("Mono12p", 12, np.uint8, 4608),
        ("Mono10Packed", 12, np.uint8, 4608),
        ("Mono12Packed", 12, np.uint8, 4608),
    ],
)
def test_every_format_of_the_camera_gives_its_buffer(
    camera: LocalBench, name: str, bits: int, dtype: type, size: int
) -> None:
    small(camera)
    camera.choose("PixelFormat", name)
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    data = image.GetData()
    assert data.dtype == np.dtype(dtype)
    assert data.shape == (size,)
    assert (image.GetBitsPerPixel(), image.GetPixelFormatName()) == (bits, name)
    assert image.GetImageSize() == data.nbytes == camera.integer("PayloadSize").GetValue()
    if bits in {8, 16}:
        assert image.GetNDArray().shape == (48, 64)
    else:
        with pytest.raises(PySpin.SpinnakerException, match=name):
            image.GetNDArray()


def test_an_incomplete_image_has_its_head_only(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("stream", "corrupt", nth=2))
    camera.camera.BeginAcquisition()
    whole, broken = camera.camera.GetNextImage(1000), camera.camera.GetNextImage(1000)
    assert (whole.IsIncomplete(), broken.IsIncomplete()) == (False, True)
    assert broken.GetImageStatus() == PySpin.SPINNAKER_IMAGE_STATUS_DATA_INCOMPLETE
    assert broken.GetValidPayloadSize() == broken.GetImageSize() * 3 // 4
    array = broken.GetNDArray()
    assert array[:800].any()
    assert not array[810:].any()


@pytest.mark.parametrize("status", range(-1, 13))
def test_every_status_has_a_description_of_its_own(status: int) -> None:
    texts = [PySpin.Image.GetImageStatusDescription(n) for n in range(-1, 13)]
    assert texts.count(PySpin.Image_GetImageStatusDescription(status)) == 1
    assert PySpin.Image_GetImageStatusDescription(99) not in texts


def test_views_show_other_data_once_the_image_is_released_where_the_camera_recycles_them() -> None:
    with bench(SimulationSpec(quirks=Quirks(recycled_views=True))) as camera:
        small(camera)
        camera.camera.BeginAcquisition()
        released, dropped = camera.camera.GetNextImage(1000), camera.camera.GetNextImage(1000)
        views = released.GetNDArray(), dropped.GetNDArray()
        before = [v.copy() for v in views]
        released.Release()
        del dropped
        gc.collect()
        assert not any(np.array_equal(v, b) for v, b in zip(views, before, strict=True))


def test_a_created_image_owns_a_copy_of_its_data() -> None:
    data = np.arange(12, dtype=np.uint8)
    image = PySpin.Image_Create(4, 3, 8, 16, PySpin.PixelFormat_Mono8, data)
    data[:] = 0
    assert type(image) is PySpin.ImagePtr
    assert image.GetNDArray().tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert (image.GetXOffset(), image.GetYOffset(), image.GetFrameID(), image.GetImageStatus()) == (8, 16, 0, 0)
    image.Release()
    assert image.GetData().tolist() == list(range(12))
    assert image.IsInUse() is False


def test_a_created_image_of_sixteen_bits_takes_bytes() -> None:
    image = created(PySpin.PixelFormat_Mono16, size=24)
    assert image.GetNDArray().dtype == np.uint16
    assert image.GetNDArray()[0, :2].tolist() == [0x0100, 0x0302]


def test_create_refuses_what_is_no_image() -> None:
    data = np.zeros(12, np.uint8)
    with pytest.raises(TypeError):
        PySpin.Image.Create(4, 3)
    with pytest.raises(TypeError):
        PySpin.Image.Create(4, 3, 0, 0, PySpin.PixelFormat_Mono8, bytes(12))
    with pytest.raises(TypeError):
        PySpin.Image.Create(4, 3, 0, 0, PySpin.PixelFormat_Mono8, data.reshape(3, 4))
    with pytest.raises(TypeError):
        PySpin.Image.Create(4.0, 3, 0, 0, PySpin.PixelFormat_Mono8, data)
    with pytest.raises(PySpin.SpinnakerException, match="-1016"):
        PySpin.Image.Create(4, 4, 0, 0, PySpin.PixelFormat_Mono8, data)
    with pytest.raises(PySpin.SpinnakerException, match="-1009"):
        PySpin.Image.Create(4, 3, 0, 0, 12345, data)


def test_a_deep_copy_outlives_its_source(camera: LocalBench) -> None:
    small(camera)
    camera.camera.BeginAcquisition()
    source = camera.camera.GetNextImage(1000)
    copy = PySpin.Image.Create()
    assert copy.GetWidth() == 0
    copy.DeepCopy(source)
    again = PySpin.Image.Create(copy)
    expected, stamp = source.GetNDArray().copy(), source.GetTimeStamp()
    source.GetNDArray()[:] = 0
    source.Release()
    for image in (copy, again):
        assert np.array_equal(image.GetNDArray(), expected)
        assert image.GetTimeStamp() == stamp
        with pytest.raises(PySpin.SpinnakerException, match="-1008"):
            image.GetChunkData()


def test_a_copy_into_a_grabbed_image_frees_its_buffer(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(1000)
    image.DeepCopy(created())
    assert camera.camera.GetNumImagesInUse() == 0
    assert image.GetNDArray().shape == (3, 4)


def test_a_saved_image_is_loaded_again(tmp_path: Path) -> None:
    image = created()
    image.Save(str(tmp_path / "a.png"))
    loaded = PySpin.Image_Load(str(tmp_path / "a.png"))
    assert loaded.GetPixelFormatName() == "Mono8"
    assert np.array_equal(loaded.GetNDArray(), image.GetNDArray())
    with pytest.raises(PySpin.SpinnakerException):
        PySpin.Image.Load(str(tmp_path / "missing.png"))
    with pytest.raises(TypeError):
        PySpin.Image.Load(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["ResetImage", "GetPrivateData", "GetPixelFormatIntType"])
def test_what_images_cannot_do_yet_says_its_name(call: str) -> None:
    with pytest.raises(NotImplementedError, match=f"Image.{call}"):
        getattr(created(), call)()


@pytest.mark.parametrize(
    ("tool", "call"), [("ImageUtility", "CreateScaled"), ("ImageUtilityPolarization", "CreateDolp")]
)
def test_image_tools_say_their_name(tool: str, call: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{tool}.{call}"):
        getattr(getattr(PySpin, tool), call)(created(), 2)
