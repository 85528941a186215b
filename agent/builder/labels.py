"""Whose classes a library has: the supernet's, or those of the user's images."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from agent.builder.dataset import Dataset, TooFewImages
from agent.builder.images import ImageSet
from agent.builder.supernet import Supernet
from agent.builder.transfer import FOLDS
from agent.builder.workshop import Heads
from agent.errors import BuildError


def fit_classes(dataset: Dataset, supernet: Supernet, transfer: Literal["auto", "off"]) -> tuple[Dataset, Heads]:
    """The images with the labels of the library to be, and where its last layers may come from. Raises BuildError."""
    classes, labels = dataset.training.classes, supernet.labels
    outputs = supernet.cut(supernet.space.smallest(min(supernet.space.r))).classes
    same = set(labels or classes) == set(classes) and outputs == len(classes)
    if transfer == "off" or same:
        labels = labels or classes
        if outputs != len(labels):
            raise BuildError(
                f"{dataset.training.name}: {len(labels)} classes, the supernet answers {outputs}; "
                "fit a last layer for them with --transfer auto"
            )
    else:
        labels = classes
    if len(labels) < 2:
        raise BuildError(f"{dataset.training.name}: one class; a network tells at least two apart")
    fitted = replace(
        dataset, training=dataset.training.with_classes(labels), held_out=dataset.held_out.with_classes(labels)
    )
    if transfer == "off":
        return fitted, "own"
    _check_enough(fitted.training)
    return fitted, "better" if same else "fitted"


def _check_enough(training: ImageSet) -> None:
    for label, name in enumerate(training.classes):
        count = int((training.labels == label).sum())
        if count < FOLDS:
            raise TooFewImages(
                f"{training.name}: class {name!r} has {count} images, a last layer needs {FOLDS} of each; "
                "add some, or keep the supernet's own with --transfer off"
            )
