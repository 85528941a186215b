"""SpinVideo files, read back by a reader of their own (facts/pyspin-surface.md 3.4)."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from agent.sim import pyspin as PySpin

WIDTH, HEIGHT = 30, 20


@dataclass
class Movie:
    """What an AVI file says: header, frames found through the index."""

    period_us: int
    frames: int
    rate: float
    handler: bytes
    width: int
    height: int
    bits: int
    compression: bytes
    palette: bytes
    data: list[bytes]


def parse(path: Path) -> Movie:
    raw = path.read_bytes()
    tag, size, kind = struct.unpack_from("<4sI4s", raw)
    assert (tag, size, kind) == (b"RIFF", len(raw) - 8, b"AVI ")
    chunks = dict(walk(raw, 12, len(raw)))
    main, stream, bitmap = (raw[slice(*chunks[name])] for name in (b"avih", b"strh", b"strf"))
    scale, rate = struct.unpack_from("<II", stream, 20)
    movi = chunks[b"movi"][0]
    data = []
    begin, end = chunks[b"idx1"]
    for position in range(begin, end, 16):
        _, _, offset, length = struct.unpack_from("<4sIII", raw, position)
        assert struct.unpack_from("<I", raw, movi + offset + 4)[0] == length
        data.append(raw[movi + offset + 8 : movi + offset + 8 + length])
    period, frames = struct.unpack_from("<I", main)[0], struct.unpack_from("<I", main, 16)[0]
    assert struct.unpack_from("<I", stream, 32)[0] == frames == len(data)
    width, height, _, bits, compression = struct.unpack_from("<iiHH4s", bitmap, 4)
    return Movie(period, frames, rate / scale, stream[4:8], width, height, bits, compression, bitmap[40:], data)


def walk(raw: bytes, begin: int, end: int) -> list[tuple[bytes, tuple[int, int]]]:
    """Chunks and lists by name; movi by the place from which the index counts."""
    found: list[tuple[bytes, tuple[int, int]]] = []
    while begin < end:
        tag, size = struct.unpack_from("<4sI", raw, begin)
        inside = (begin + 8, begin + 8 + size)
        if tag == b"LIST":
            kind = raw[begin + 8 : begin + 12]
            found += [(kind, inside)] if kind == b"movi" else walk(raw, begin + 12, inside[1])
        else:
            found.append((tag, inside))
        begin = inside[1] + size % 2
    return found


def images(count: int, pixel_format: int = PySpin.PixelFormat_Mono8, channels: int = 1) -> list[PySpin.ImagePtr]:
    generator = np.random.default_rng(3)
    size = WIDTH * HEIGHT * channels
    return [
        PySpin.Image.Create(WIDTH, HEIGHT, 0, 0, pixel_format, generator.integers(0, 256, size, dtype=np.uint8))
        for _ in range(count)
    ]


def record(path: Path, option: object, frames: list[PySpin.ImagePtr]) -> list[Path]:
    video = PySpin.SpinVideo()
    option.frameRate = 12.5  # type: ignore[attr-defined]
    video.Open(str(path), option)  # type: ignore[arg-type]
    for image in frames:
        video.Append(image)
    video.Close()
    return sorted(path.parent.glob("*.avi"))


def bottom_up(data: bytes, channels: int) -> NDArray[np.uint8]:
    rows = np.frombuffer(data, np.uint8).reshape(HEIGHT, -1)[::-1, : WIDTH * channels]
    return rows.reshape(HEIGHT, WIDTH, channels)


def test_uncompressed_grey_video_holds_every_pixel(tmp_path: Path) -> None:
    frames = images(5)
    (path,) = record(tmp_path / "film", PySpin.AVIOption(), frames)
    assert path.name == "film-0000.avi"
    movie = parse(path)
    assert (movie.frames, movie.rate, movie.period_us, movie.handler) == (5, 12.5, 80_000, b"DIB ")
    assert (movie.width, movie.height, movie.bits, movie.compression) == (WIDTH, HEIGHT, 8, bytes(4))
    assert movie.palette == b"".join(bytes((n, n, n, 0)) for n in range(256))
    for data, image in zip(movie.data, frames, strict=True):
        assert np.array_equal(bottom_up(data, 1)[..., 0], image.GetNDArray())


@pytest.mark.parametrize("name", ["RGB8", "BGR8"])
def test_uncompressed_colour_video_is_blue_green_red(tmp_path: Path, name: str) -> None:
    frames = images(2, getattr(PySpin, f"PixelFormat_{name}"), 3)
    movie = parse(record(tmp_path / "film", PySpin.AVIOption(), frames)[0])
    assert (movie.bits, movie.palette) == (24, b"")
    for data, image in zip(movie.data, frames, strict=True):
        bgr = image.GetNDArray() if name == "BGR8" else image.GetNDArray()[..., ::-1]
        assert np.array_equal(bottom_up(data, 3), bgr)


def test_motion_jpeg_video_holds_jpegs_of_the_quality(tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 95):
        folder = tmp_path / str(quality)
        folder.mkdir()
        option = PySpin.MJPGOption()
        option.quality = quality
        movie = parse(record(folder / "film", option, images(3))[0])
        assert (movie.frames, movie.handler, movie.compression) == (3, b"MJPG", b"MJPG")
        for data in movie.data:
            with Pillow.open(io.BytesIO(data)) as opened:
                assert (opened.format, opened.size) == ("JPEG", (WIDTH, HEIGHT))
        sizes.append(sum(map(len, movie.data)))
    assert sizes[0] < sizes[1]


def test_wider_samples_are_recorded_by_their_high_byte(tmp_path: Path) -> None:
    data = np.arange(WIDTH * HEIGHT * 2, dtype=np.uint16).astype(np.uint8)
    image = PySpin.Image.Create(WIDTH, HEIGHT, 0, 0, PySpin.PixelFormat_Mono16, data)
    movie = parse(record(tmp_path / "film", PySpin.AVIOption(), [image])[0])
    assert np.array_equal(bottom_up(movie.data[0], 1)[..., 0], image.GetNDArray() >> 8)


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    frames = [
        PySpin.Image.Create(640, 480, 0, 0, PySpin.PixelFormat_Mono8, np.zeros(640 * 480, np.uint8)) for _ in range(7)
    ]
    video = PySpin.SpinVideo()
    video.SetMaximumFileSize(1)
    video.Open(str(tmp_path / "film"), PySpin.AVIOption())
    for image in frames:
        video.Append(image)
    video.Close()
    paths = sorted(tmp_path.glob("*.avi"))
    assert [p.name for p in paths] == ["film-0000.avi", "film-0001.avi", "film-0002.avi"]
    assert [parse(p).frames for p in paths] == [3, 3, 1]
    assert all(p.stat().st_size <= 1 << 20 for p in paths)


def test_a_recording_that_is_dropped_can_be_read(tmp_path: Path) -> None:
    video = PySpin.SpinVideo()
    video.Open(str(tmp_path / "film"), PySpin.AVIOption())
    video.Append(images(1)[0])
    del video
    assert parse(tmp_path / "film-0000.avi").frames == 1


def test_a_recorder_records_again(tmp_path: Path) -> None:
    video = PySpin.SpinVideo()
    for name in ("a", "b"):
        video.Open(str(tmp_path / name), PySpin.AVIOption())
        video.Append(images(1)[0])
        video.Close()
    assert [p.name for p in sorted(tmp_path.glob("*"))] == ["a-0000.avi", "b-0000.avi"]


def test_h264_says_that_it_is_missing(tmp_path: Path) -> None:
    option = PySpin.H264Option()
    option.bitrate, option.crf, option.useMP4 = 1_000_000, 28, True
    with pytest.raises(NotImplementedError, match=r"SpinVideo\.Open with H264Option"):
        PySpin.SpinVideo().Open(str(tmp_path / "film"), option)


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    video, image = PySpin.SpinVideo(), images(1)[0]
    for ask in (video.Close, lambda: video.Append(image)):
        with pytest.raises(PySpin.SpinnakerException, match="-1002"):
            ask()
    with pytest.raises(PySpin.SpinnakerException, match="-1010"):
        video.Open(str(tmp_path / "no" / "film"), PySpin.AVIOption())
    with pytest.raises(PySpin.SpinnakerException, match="-1009"):
        video.Open(str(tmp_path / "film"), PySpin.AVIOption(frameRate=0.0))
    with pytest.raises(TypeError):
        video.Open(str(tmp_path / "film"), object())  # type: ignore[arg-type]
    video.Open(str(tmp_path / "film"), PySpin.AVIOption(width=64, height=48))
    with pytest.raises(PySpin.SpinnakerException, match="-1004"):
        video.Open(str(tmp_path / "other"), PySpin.AVIOption())
    with pytest.raises(PySpin.SpinnakerException, match="64x48"):
        video.Append(image)
    with pytest.raises(TypeError):
        video.Append(image.GetNDArray())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        video.SetMaximumFileSize(-1)
    video.Close()


def test_images_of_another_size_do_not_fit(tmp_path: Path) -> None:
    video = PySpin.SpinVideo()
    video.Open(str(tmp_path / "film"), PySpin.AVIOption())
    video.Append(images(1)[0])
    for other in (
        PySpin.Image.Create(4, 4, 0, 0, PySpin.PixelFormat_Mono8, np.zeros(16, np.uint8)),
        images(1, PySpin.PixelFormat_RGB8, 3)[0],
    ):
        with pytest.raises(PySpin.SpinnakerException, match="does not fit"):
            video.Append(other)
    video.Close()
    assert parse(tmp_path / "film-0000.avi").frames == 1
