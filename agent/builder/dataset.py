"""The images of a build: cleaned, and split into those to learn from and those to be judged on.

Cleaning comes before the split and goes by content, so that no image is on both sides under two names.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from agent.builder.images import ImageSet, Reading, read_images
from agent.errors import BuildError

# Of which a fifth is held out: four images tell little, fewer tell nothing.
MIN_PER_CLASS = 20
HELD_OUT_SHARE = 0.2
# Below the first the statistics of batch norms are noise, below the second they are good for small networks only
# (facts/ofa.md 6.5).
MIN_TRAINING_IMAGES = 100
GOOD_TRAINING_IMAGES = 1000


class TooFewImages(BuildError):
    """A class, or the whole set, has fewer images than can be learnt from and judged by."""

    reason: ClassVar[str] = "BUILD_TOO_FEW_IMAGES"


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What became of the images. `duplicates` were dropped and one of each kept; `contradictions` are images that are
    in more than one class, all dropped. Lists hold file names."""

    training: dict[str, int]
    held_out: dict[str, int]
    unreadable: tuple[str, ...]
    duplicates: tuple[str, ...]
    contradictions: tuple[str, ...]
    scaled_to_px: int | None

    def lines(self) -> list[str]:
        """What a user should know, in words."""
        lines = [f"not readable, left out: {line}" for line in self.unreadable]
        if self.duplicates:
            lines.append(f"{len(self.duplicates)} duplicate image(s) left out, the first: {self.duplicates[0]}")
        if self.contradictions:
            lines.append(
                f"{len(self.contradictions)} image(s) in more than one class left out, the first: "
                f"{self.contradictions[0]}"
            )
        if self.scaled_to_px:
            lines.append(f"images of several or large sizes, scaled to {self.scaled_to_px} x {self.scaled_to_px}")
        count = sum(self.training.values())
        if count < GOOD_TRAINING_IMAGES:
            lines.append(
                f"{count} images to estimate batch norms from: with less than {GOOD_TRAINING_IMAGES} the widest "
                "layers suffer; capture more where the accuracy is not enough"
            )
        return lines


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images to learn from (batch norms, heads) and images to be judged on, none in both."""

    training: ImageSet
    held_out: ImageSet
    report: DatasetReport


def read_dataset(images: Path, held_out: Path | None, channels: int, side_px: int, seed: int = 0) -> Dataset:
    """Read, clean and split. Without a set of its own a fifth of each class is held out, chosen by content.

    Raises TooFewImages, or BuildError where a given held-out set shares images with the other.
    """
    readings = [read_images(images, channels, side_px)]
    if held_out is not None:
        readings.append(read_images(held_out, channels, side_px))
    cleaned = [_cleaned(reading) for reading in readings]
    if held_out is None:
        training, judged = split(cleaned[0].images, HELD_OUT_SHARE, seed)
    else:
        training, judged = cleaned[0].images, cleaned[1].images.with_classes(cleaned[0].images.classes)
        _refuse_shared(training, judged)
    if len(training) < MIN_TRAINING_IMAGES:
        raise TooFewImages(f"{training.name}: {len(training)} images, need at least {MIN_TRAINING_IMAGES}")
    report = DatasetReport(
        class_counts(training),
        class_counts(judged),
        tuple(line for reading in readings for line in reading.unreadable),
        tuple(name for one in cleaned for name in one.duplicates),
        tuple(name for one in cleaned for name in one.contradictions),
        next((reading.scaled_to_px for reading in readings if reading.scaled_to_px), None),
    )
    return Dataset(shuffled(training), shuffled(judged), report)


def split(images: ImageSet, held_out_share: float, seed: int) -> tuple[ImageSet, ImageSet]:
    """Parts of each class in equal shares, by the digest of the content: names and order do not matter.

    Raises TooFewImages where a class has less than MIN_PER_CLASS.
    """
    keys = [
        hashlib.sha256(seed.to_bytes(8, "little", signed=True) + image.tobytes()).digest() for image in images.images
    ]
    kept: list[int] = []
    held: list[int] = []
    for label, name in enumerate(images.classes):
        places = sorted((int(i) for i in np.flatnonzero(images.labels == label)), key=lambda place: keys[place])
        if len(places) < MIN_PER_CLASS:
            raise TooFewImages(
                f"{images.name}: class {name!r} has {len(places)} different images, need at least {MIN_PER_CLASS}"
            )
        cut = round(len(places) * held_out_share)
        held += places[:cut]
        kept += places[cut:]
    # By content again, so that what comes out does not depend on what the files are called.
    order = [sorted(part, key=lambda place: keys[place]) for part in (kept, held)]
    training, judged = (images.only(np.array(part, np.intp)) for part in order)
    # The name goes into the manifest, beside the accuracy.
    return training, replace(judged, name=f"{images.name}, {held_out_share:.0%} held out")


def shuffled(images: ImageSet) -> ImageSet:
    """Sets are often sorted by class; a fixed shuffle keeps every batch and part mixed."""
    return images.only(np.random.Generator(np.random.PCG64(0)).permutation(len(images)))


def class_counts(images: ImageSet) -> dict[str, int]:
    """Images of each class."""
    counts = np.bincount(images.labels, minlength=len(images.classes))
    return {name: int(count) for name, count in zip(images.classes, counts, strict=True)}


@dataclass(frozen=True, slots=True)
class _Cleaned:
    images: ImageSet
    duplicates: tuple[str, ...]
    contradictions: tuple[str, ...]


def _cleaned(reading: Reading) -> _Cleaned:
    images = reading.images
    places: dict[bytes, list[int]] = defaultdict(list)
    for place, image in enumerate(images.images):
        places[hashlib.sha256(image.tobytes()).digest()].append(place)
    kept: list[int] = []
    duplicates: list[int] = []
    contradictions: list[int] = []
    for same in places.values():
        if len({int(images.labels[place]) for place in same}) > 1:
            contradictions += same
        else:
            kept.append(same[0])
            duplicates += same[1:]
    if not kept:
        raise TooFewImages(f"{images.name}: every image is in more than one class")
    return _Cleaned(images.only(np.array(kept, np.intp)), _names(reading, duplicates), _names(reading, contradictions))


def _names(reading: Reading, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(reading.names[place] for place in places)


def _refuse_shared(training: ImageSet, held_out: ImageSet) -> None:
    known = {image.tobytes() for image in training.images}
    shared = sum(image.tobytes() in known for image in held_out.images)
    if shared:
        raise BuildError(f"{held_out.name}: {shared} held-out images are also calibration images")
