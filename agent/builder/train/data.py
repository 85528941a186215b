"""Images for training: loading, the camera's resize, augmentation, normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from agent.builder import images as builder_images
from agent.builder.dataset import read_dataset
from agent.builder.resize import resize

# Of the largest input side: scaling larger images in every step would cost more than the training.
_LARGEST = 2


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Network input = (pixel - mean) / scale, both in 0..255 units."""

    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Labelled grey images: `images` uint8 (n, 1, h, w), `labels` int64 (n,)."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def load_images(path: Path) -> ImageSet:
    """Read an npz with `images` uint8 (n, h, w), `labels` (n,) and `classes`."""
    with np.load(path) as file:
        images = torch.from_numpy(file["images"]).unsqueeze(1)
        labels = torch.from_numpy(file["labels"].astype(np.int64))
        classes = tuple(str(name) for name in file["classes"])
    if images.dtype != torch.uint8 or len(images) != len(labels):
        raise ValueError(
            f"{path}: images are {images.dtype} ({len(images)}), labels {len(labels)}; need uint8, equal counts"
        )
    return ImageSet(images, labels, classes)


def load_sets(images: Path, held_out: Path | None, side_px: int) -> tuple[ImageSet, ImageSet]:
    """Training and held-out images, from npz files or from folders with one class each.

    Without a held-out set a fifth of each class is held out, by content, as `library build` does it, so that the two
    agree on what a supernet has never seen. Images of a folder that are much larger than `side_px` are scaled to it.
    """
    if held_out is not None and not images.is_dir() and not held_out.is_dir():
        return load_images(images), load_images(held_out)
    found = read_dataset(images, held_out, 1, side_px)
    classes = found.training.classes
    return _as_tensors(found.training, side_px), _as_tensors(found.held_out.with_classes(classes), side_px)


def _as_tensors(found: builder_images.ImageSet, side_px: int) -> ImageSet:
    pixels = found.images
    if max(pixels.shape[1:]) > _LARGEST * side_px:
        parts = [resize(pixels[i : i + 256], side_px) for i in range(0, len(pixels), 256)]
        pixels = np.rint(np.concatenate(parts)[:, 0]).astype(np.uint8)
    return ImageSet(torch.from_numpy(pixels).unsqueeze(1), torch.from_numpy(found.labels), found.classes)


def measure_normalisation(images: Tensor) -> Normalisation:
    """Mean and standard deviation of all pixels, rounded to whole grey levels."""
    values = images.to(torch.float32)
    return Normalisation(round(values.mean().item()), round(values.std().item()))


def prepare(images: Tensor, side_px: int, norm: Normalisation) -> Tensor:
    """uint8 (n, 1, h, w) to network input float32 (n, 1, side_px, side_px), channels last.

    Bilinear with half-pixel centres and no antialiasing, as the camera's scaler does it.
    """
    x = images.to(torch.float32)
    if x.shape[-1] != side_px:
        x = functional.interpolate(x, size=(side_px, side_px), mode="bilinear", align_corners=False, antialias=False)
    return ((x - norm.mean) / norm.scale).contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """One of the eight turns and reflections of the square, the same for the whole batch."""
    turned = torch.rot90(images, int(rng.integers(4)), (2, 3))
    return turned.flip(3) if rng.random() < 0.5 else turned


def batch_indices(count: int, batch: int, seed: tuple[int, ...], step: int) -> Tensor:
    """Indices int64 (batch,) of step `step`: every image once an epoch, in an order drawn for each epoch.

    A pure function of its arguments, so that a resumed run continues in the same order.
    """
    per_epoch = count // batch
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng((*seed, epoch)).permutation(count)
    return torch.from_numpy(order[place * batch : (place + 1) * batch])


def batches(data: ImageSet, side_px: int, norm: Normalisation, size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
    """The whole set in order as (network input, labels)."""
    for i in range(0, len(data), size):
        yield prepare(data.images[i : i + size], side_px, norm), data.labels[i : i + size]
