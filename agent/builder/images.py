"""Labelled image sets: an npz file, or a folder with one folder of images for each class."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import BuildError

IMAGE_SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".pgm", ".tif", ".tiff")
MAX_IMAGES = 1_000_000


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

    def with_classes(self, classes: Sequence[str]) -> ImageSet:
        """The same images with labels that index `classes`. Raises BuildError where a class is unknown."""
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise BuildError(f"{self.name}: class {unknown[0]!r} is not one of the supernet's {list(classes)}")
        order = np.array([list(classes).index(name) for name in self.classes], np.int64)
        return ImageSet(self.name, self.images, order[self.labels], tuple(classes))


def load_images(path: Path | str, channels: int = 1) -> ImageSet:
    """Read a set of grey (1 channel) or RGB (3 channels) images. Raises BuildError."""
    path = Path(path)
    if path.is_dir():
        loaded = _from_folders(path, channels)
    elif path.is_file():
        loaded = _from_npz(path)
    else:
        raise BuildError(f"{path}: no such file or folder of images")
    _check(loaded, channels, path)
    return loaded


def _from_npz(path: Path) -> ImageSet:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, labels, classes = (archive[key] for key in ("images", "labels", "classes"))
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as exc:
        raise BuildError(f"{path}: not an npz with images, labels and classes: {exc}") from exc
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise BuildError(f"{path}: images are {images.dtype} and labels {labels.dtype}, need uint8 and whole numbers")
    return ImageSet(path.name, images, labels.astype(np.int64), tuple(str(name) for name in classes))


def _from_folders(path: Path, channels: int) -> ImageSet:
    classes = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        for file in sorted((path / name).iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                images.append(_read_image(file, channels))
                labels.append(label)
                if images[-1].shape != images[0].shape:
                    raise BuildError(f"{file}: {images[-1].shape} pixels, others are {images[0].shape}")
    if not images:
        raise BuildError(f"{path}: no images; expected one folder for each class with {', '.join(IMAGE_SUFFIXES)}")
    return ImageSet(path.name, np.stack(images), np.array(labels, np.int64), tuple(classes))


def _read_image(file: Path, channels: int) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError) as exc:
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
