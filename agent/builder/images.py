"""Labelled image sets: an npz file, or a folder with one folder of images for each class."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.builder.resize import resize
from agent.errors import BuildError

IMAGE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".pgm", ".tif", ".tiff")
MAX_IMAGES = 1_000_000
# More is scaled down as it is read. A tenth of a common desk computer's memory.
MAX_SET_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class ImageSet:
    """`images` uint8 (n, h, w) or (n, h, w, 3) RGB, `labels` int64 (n,) indexing `classes`."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sha256(self) -> str:
        """Digest over the pixels in order."""
        return hashlib.sha256(np.ascontiguousarray(self.images).tobytes()).hexdigest()

    def head(self, count: int) -> ImageSet:
        """The first `count` images."""
        return ImageSet(self.name, self.images[:count], self.labels[:count], self.classes)

    def parted(self, count: int) -> tuple[ImageSet, ImageSet]:
        """The first `count` images, and the others."""
        rest = ImageSet(self.name, self.images[count:], self.labels[count:], self.classes)
        return self.head(count), rest

    def only(self, places: NDArray[np.intp]) -> ImageSet:
        """The images at `places`, in that order."""
        return ImageSet(self.name, self.images[places], self.labels[places], self.classes)

    def with_classes(self, classes: Sequence[str]) -> ImageSet:
        """The same images with labels that index `classes`. Raises BuildError where a class is unknown."""
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise BuildError(f"{self.name}: class {unknown[0]!r} is not one of {list(classes)}")
        order = np.array([list(classes).index(name) for name in self.classes], np.int64)
        return ImageSet(self.name, self.images, order[self.labels], tuple(classes))


@dataclass(frozen=True, slots=True)
class Reading:
    """A set as it was read: `names` tell where each image is from, `unreadable` are lines FILE: reason.

    `scaled_to_px` is set where the images were of several sizes, or too many pixels in all, and so were scaled to that
    square side.
    """

    images: ImageSet
    names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    scaled_to_px: int | None = None


def load_images(path: Path | str, channels: int = 1) -> ImageSet:
    """Read a set of grey (1 channel) or RGB (3 channels) images of one size, all of them. Raises BuildError."""
    reading = read_images(path, channels)
    if reading.unreadable:
        raise BuildError(reading.unreadable[0])
    return reading.images


def read_images(path: Path | str, channels: int = 1, side_px: int | None = None) -> Reading:
    """Read what can be read of a set. Raises BuildError where nothing can.

    With `side_px`, images of several sizes, or of more than MAX_SET_BYTES in all, are scaled to that side as the
    camera does it; without it they are an error.
    """
    path = Path(path)
    if path.is_dir():
        reading = _from_folders(path, channels, side_px)
    elif path.is_file():
        images = _from_npz(path)
        reading = Reading(images, tuple(f"{path.name}[{index}]" for index in range(len(images))))
    else:
        raise BuildError(f"{path}: no such file or folder of images")
    _check(reading.images, channels, path)
    return reading


def _from_npz(path: Path) -> ImageSet:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, labels, classes = (archive[key] for key in ("images", "labels", "classes"))
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as exc:
        raise BuildError(f"{path}: not an npz with images, labels and classes: {exc}") from exc
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise BuildError(f"{path}: images are {images.dtype} and labels {labels.dtype}, need uint8 and whole numbers")
    return ImageSet(path.name, images, labels.astype(np.int64), tuple(str(name) for name in classes))


def _from_folders(path: Path, channels: int, side_px: int | None) -> Reading:
    classes = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    files = [
        (label, file)
        for label, name in enumerate(classes)
        for file in sorted((path / name).iterdir())
        if file.suffix.lower() in IMAGE_SUFFIXES
    ]
    scaled_to_px = side_px if _needs_scaling([file for _, file in files], channels) else None
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    unreadable: list[str] = []
    for label, file in files:
        try:
            image = _read_image(file, channels)
        except BuildError as exc:
            unreadable.append(str(exc))
            continue
        images.append(_scaled(image, scaled_to_px))
        labels.append(label)
        names.append(str(file))
        if images[-1].shape != images[0].shape:
            raise BuildError(f"{file}: {images[-1].shape} pixels, others are {images[0].shape}")
    if not images and unreadable:
        raise BuildError(unreadable[0])
    if not images:
        raise BuildError(f"{path}: no images; expected one folder for each class with {', '.join(IMAGE_SUFFIXES)}")
    found = ImageSet(path.name, np.stack(images), np.array(labels, np.int64), tuple(classes))
    return Reading(found, tuple(names), tuple(unreadable), scaled_to_px)


def _needs_scaling(files: Sequence[Path], channels: int) -> bool:
    """From the files' headers alone: several sizes, or too much to hold in memory at once."""
    from PIL import Image

    sizes: list[tuple[int, int]] = []
    for file in files:
        try:
            with Image.open(file) as image:
                sizes.append(image.size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # reported when it is read
    return len(set(sizes)) > 1 or sum(w * h for w, h in sizes) * channels > MAX_SET_BYTES


def _scaled(image: NDArray[np.uint8], side_px: int | None) -> NDArray[np.uint8]:
    if side_px is None:
        return image
    planes = resize(image[None], side_px)[0]
    pixels = np.rint(planes).astype(np.uint8)
    return pixels[0] if image.ndim == 2 else np.moveaxis(pixels, 0, 2)


def _read_image(file: Path, channels: int) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise BuildError(f"{file}: more than 8 bits a pixel ({image.mode}); the networks take 8-bit images")
            return np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)
    except BuildError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise BuildError(f"{file}: not a readable image: {exc}") from exc


def _check(loaded: ImageSet, channels: int, path: Path) -> None:
    shape = loaded.images.shape
    wanted = "(n, h, w)" if channels == 1 else "(n, h, w, 3)"
    if len(shape) != (3 if channels == 1 else 4) or (channels == 3 and shape[3] != 3) or 0 in shape:
        raise BuildError(f"{path}: images have shape {list(shape)}, need {wanted}")
    if len(loaded.labels) != shape[0] or shape[0] > MAX_IMAGES:
        raise BuildError(f"{path}: {shape[0]} images and {len(loaded.labels)} labels, need equal counts")
    if loaded.labels.min() < 0 or loaded.labels.max() >= len(loaded.classes):
        raise BuildError(
            f"{path}: labels {loaded.labels.min()} .. {loaded.labels.max()}, classes end at {len(loaded.classes) - 1}"
        )
