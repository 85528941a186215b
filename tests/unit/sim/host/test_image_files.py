"""Saving images: the format by extension, by constant, or by option (facts/pyspin-surface.md 2.5, 3.4)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from agent.sim import pyspin as PySpin

ROWS, COLUMNS = 24, 32


def picture(pixel_format: int, channels: int = 1, item_bytes: int = 1) -> PySpin.ImagePtr:
    values = np.random.default_rng(5).integers(0, 256, ROWS * COLUMNS * channels * item_bytes, dtype=np.uint8)
    return PySpin.Image.Create(COLUMNS, ROWS, 0, 0, pixel_format, values)


def read(path: Path) -> NDArray[np.generic]:
    with Pillow.open(path) as opened:
        return np.asarray(opened)


@pytest.mark.parametrize("extension", ["png", "bmp", "pgm", "tiff", "tif", "PNG"])
def test_an_image_is_saved_without_loss_by_its_extension(tmp_path: Path, extension: str) -> None:
    image, path = picture(PySpin.PixelFormat_Mono8), tmp_path / f"a.{extension}"
    image.Save(str(path))
    assert np.array_equal(read(path), image.GetNDArray())


@pytest.mark.parametrize("extension", ["png", "tiff", "pgm"])
def test_sixteen_bits_are_kept_where_the_file_has_room(tmp_path: Path, extension: str) -> None:
    image, path = picture(PySpin.PixelFormat_Mono16, item_bytes=2), tmp_path / f"a.{extension}"
    image.Save(str(path))
    assert np.array_equal(read(path), image.GetNDArray())


def test_sixteen_bits_lose_their_low_byte_in_a_bitmap(tmp_path: Path) -> None:
    image, path = picture(PySpin.PixelFormat_Mono16, item_bytes=2), tmp_path / "a.bmp"
    image.Save(str(path))
    assert np.array_equal(read(path), image.GetNDArray() >> 8)


@pytest.mark.parametrize("name", ["RGB8", "BGR8"])
@pytest.mark.parametrize("extension", ["png", "bmp", "tiff", "ppm"])
def test_colours_are_in_their_places(tmp_path: Path, name: str, extension: str) -> None:
    image, path = picture(getattr(PySpin, f"PixelFormat_{name}"), channels=3), tmp_path / f"a.{extension}"
    image.Save(str(path))
    rgb = image.GetNDArray()[..., ::-1] if name == "BGR8" else image.GetNDArray()
    assert np.array_equal(read(path), rgb)


def test_a_raw_file_is_the_buffer(tmp_path: Path) -> None:
    image = picture(PySpin.PixelFormat_Mono16, item_bytes=2)
    image.Save(str(tmp_path / "a.raw"))
    assert (tmp_path / "a.raw").read_bytes() == image.GetData().tobytes()


def test_better_jpegs_are_larger_and_nearer(tmp_path: Path) -> None:
    image, sizes, errors = picture(PySpin.PixelFormat_Mono8), [], []
    for quality in (10, 95):
        option, path = PySpin.JPEGOption(), tmp_path / f"{quality}.jpg"
        option.quality = quality
        image.Save(str(path), option)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(read(path).astype(int) - image.GetNDArray()).mean())
    assert sizes[0] < sizes[1]
    assert errors[0] > errors[1]


def test_the_compression_level_of_a_png_changes_its_size_only(tmp_path: Path) -> None:
    image = PySpin.Image.Create(64, 64, 0, 0, PySpin.PixelFormat_Mono8, np.zeros(4096, np.uint8))
    sizes = []
    for level in (0, 9):
        option, path = PySpin.PNGOption(), tmp_path / f"{level}.png"
        option.compressionLevel = level
        image.Save(str(path), option)
        assert np.array_equal(read(path), image.GetNDArray())
        sizes.append(path.stat().st_size)
    assert sizes[0] > 10 * sizes[1]


@pytest.mark.parametrize(
    ("option", "kind"),
    [("BMPOption", "BMP"), ("TIFFOption", "TIFF"), ("PGMOption", "PPM"), ("JPEGOption", "JPEG"), ("PNGOption", "PNG")],
)
def test_an_option_decides_the_format_whatever_the_extension(tmp_path: Path, option: str, kind: str) -> None:
    path = tmp_path / "a.dat"
    picture(PySpin.PixelFormat_Mono8).Save(str(path), getattr(PySpin, option)())
    with Pillow.open(path) as opened:
        assert opened.format == kind


@pytest.mark.parametrize(("binary", "magic"), [(False, b"P2"), (True, b"P5")])
def test_a_portable_map_is_text_or_binary(tmp_path: Path, binary: bool, magic: bytes) -> None:
    image, path, option = picture(PySpin.PixelFormat_Mono8), tmp_path / "a.pgm", PySpin.PGMOption()
    option.binaryFile = binary
    image.Save(str(path), option)
    assert path.read_bytes()[:2] == magic
    assert np.array_equal(read(path), image.GetNDArray())


@pytest.mark.parametrize("codec", ["NONE", "PACKBITS", "DEFLATE", "ADOBE_DEFLATE", "LZW"])
def test_every_lossless_tiff_codec_keeps_the_pixels(tmp_path: Path, codec: str) -> None:
    image, path, option = picture(PySpin.PixelFormat_Mono8), tmp_path / "a.tiff", PySpin.TIFFOption()
    option.compression = getattr(PySpin.TIFFOption, codec)
    image.Save(str(path), option)
    assert np.array_equal(read(path), image.GetNDArray())


def test_a_format_constant_decides_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    picture(PySpin.PixelFormat_Mono8).Save(str(path), PySpin.SPINNAKER_IMAGE_FILE_FORMAT_BMP)
    with Pillow.open(path) as opened:
        assert opened.format == "BMP"


def test_a_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture(PySpin.PixelFormat_Mono8).Save("here.png")
    assert (tmp_path / "here.png").is_file()


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    image = picture(PySpin.PixelFormat_Mono8)
    quality, fax = PySpin.JPEGOption(quality=101), PySpin.TIFFOption(compression=PySpin.TIFFOption.CCITTFAX4)
    for name, option, code in (
        ("a.xyz", -1, -1009), ("no/folder/a.png", -1, -1010), ("a.jpg", quality, -1009), ("a.tiff", fax, -1009),
        ("a.png", 99, -1009), ("a.ppm", -1, -1009),
    ):  # fmt: skip
        with pytest.raises(PySpin.SpinnakerException) as refused:
            image.Save(str(tmp_path / name), option)
        assert refused.value.errorcode == code, name
    with pytest.raises(TypeError):
        image.Save(tmp_path / "a.png")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        image.Save("a.png", "jpg")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "kept"), [("a.png", "Mono16"), ("a.ppm", "RGB8")])
def test_a_loaded_image_has_the_format_of_its_file(tmp_path: Path, name: str, kept: str) -> None:
    image = picture(getattr(PySpin, f"PixelFormat_{kept}"), 3 if kept == "RGB8" else 1, 2 if kept == "Mono16" else 1)
    image.Save(str(tmp_path / name))
    loaded = PySpin.Image.Load(str(tmp_path / name))
    assert loaded.GetPixelFormatName() == kept
    assert np.array_equal(loaded.GetNDArray(), image.GetNDArray())
