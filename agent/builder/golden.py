"""Golden images: what a network must answer on the camera before it counts as loaded (interfaces.md section 5)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agent.errors import BuildError

MARGIN = 0.2
TOLERANCE = 0.05
# Each is an acquisition inside the gap of every swap, so there are no more than the contract asks for.
PER_SUBNET = 2
MIN_CLASSES = 2

# The image is injected on a 16-bit scale and comes back through the scaler: leave room above the least margin.
_WANTED_MARGIN = 0.4


class NoGoldens(BuildError):
    """A network that is too unsure or too one-sided to be told from a broken one by a test image."""

    reason: ClassVar[str] = "BUILD_NO_GOLDEN_IMAGES"


@dataclass(frozen=True, slots=True)
class Reference:
    """One golden image: its place in the set, PNG bytes, their digest, and the shipped network's answer in f32."""

    index: int
    png: bytes
    sha256: str
    class_id: int
    confidence: float
    tolerance: float = TOLERANCE


def choose_goldens(
    subnet_id: str,
    images: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    count: int = PER_SUBNET,
    shared: Sequence[int] = (),
) -> tuple[Reference, ...]:
    """Pick `count` clear images of different classes, correctly answered where there are such.

    `probabilities` (n, classes) are the artifact's own answers to `images`; `shared` are places of images that other
    sub-nets have: one that is still on the camera from the last swap need not be uploaded in the gap of the next.
    Deterministic: clear enough comes first, then the shared ones, then the order of the set. Raises NoGoldens where
    two classes with the margin cannot be found.
    """
    ranked = np.sort(probabilities, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    answers = probabilities.argmax(1)
    chosen: dict[int, int] = {}
    for index in _by_preference(margin, answers == labels, shared):
        chosen.setdefault(int(answers[index]), int(index))
        if len(chosen) == count:
            break
    if len(chosen) < MIN_CLASSES:
        raise NoGoldens(
            f"sub-net {subnet_id}: golden images of {len(chosen)} classes with a margin of {MARGIN}, "
            f"need {MIN_CLASSES}; the network is too unsure or too one-sided"
        )
    return tuple(_reference(i, images[i], probabilities[i]) for i in chosen.values())


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """8-bit PNG of (h, w) grey or (h, w, 3) RGB pixels."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _by_preference(margin: NDArray[np.float32], correct: NDArray[np.bool_], shared: Sequence[int]) -> NDArray[np.intp]:
    """Indices with enough margin: comfortable and correct first, of these the shared, in the order of the set."""
    usable = np.flatnonzero(margin >= MARGIN)
    rank = 4 * (margin[usable] < _WANTED_MARGIN) + 2 * ~correct[usable] + ~np.isin(usable, shared)
    return usable[np.argsort(rank, kind="stable")]


def _reference(index: int, pixels: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> Reference:
    png = encode_png(pixels)
    class_id = int(probabilities.argmax())
    # Six digits are far below the tolerance and keep the manifest readable.
    return Reference(index, png, hashlib.sha256(png).hexdigest(), class_id, round(float(probabilities[class_id]), 6))
