"""How the camera reads what a network answers: class scores or boxes (facts/firefly-dl.md 1.1 and section 2).

InferenceNetworkTypeSelector decides, not the network. Read as the wrong type, an answer is the garbage that a
firmware without checks makes of it (F-937): the rows of a detector as scores give the place of the largest number,
scores as rows give a box where seven of them happen to look like one, mostly none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.sim.chunks import Box, Geometry
from agent.sim.network import BOX_VALUES, Kind

BACKGROUND = 0
# What firmware without the node InferenceMaxBoundingBoxes sends; unknown.
MAX_BOXES = 64
_INT16 = (-(1 << 15), (1 << 15) - 1)

Corners = tuple[float, float, float, float]

# Entries of InferenceNetworkOutputFormatSelector are unknown (facts section 7, item 2). These names are invented: in
# which order and meaning the last four numbers of a row are taken. All give left, top, right, bottom.
BOX_FORMATS: dict[str, Callable[[float, float, float, float], Corners]] = {
    "XminYminXmaxYmax": lambda a, b, c, d: (a, b, c, d),
    "YminXminYmaxXmax": lambda a, b, c, d: (b, a, d, c),
    "CenterXCenterYWidthHeight": lambda a, b, c, d: (a - c / 2, b - d / 2, a + c / 2, b + d / 2),
}
PLAIN_FORMAT = "XminYminXmaxYmax"


@dataclass(frozen=True, slots=True)
class OutputReading:
    """The registers that decide how an answer is read: type, box format, threshold and the limit of boxes."""

    kind: Kind = "Classification"
    box_format: str = PLAIN_FORMAT
    threshold: float = 0.5
    max_boxes: int = MAX_BOXES


PLAIN_READING = OutputReading()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Class with the largest output, and that output; a detection has boxes instead and leaves both at 0.

    What the chunks InferenceResult and InferenceConfidence hold for a detection network is unknown.
    """

    class_id: int = 0
    confidence: float = 0.0
    boxes: tuple[Box, ...] = ()

    def spoilt(self, classes: int, kind: Kind) -> Outcome:
        """The same with every class moved on by one: a plausible wrong answer."""
        if kind == "Classification":
            return replace(self, class_id=_next_class(self.class_id, classes, 0))
        boxes = (replace(b, class_id=_next_class(b.class_id, classes, BACKGROUND + 1)) for b in self.boxes)
        return replace(self, boxes=tuple(boxes))


def read_output(output: NDArray[np.float32], reading: OutputReading, image: Geometry) -> Outcome:
    """What the camera makes of `output` (flat), boxes in pixels of `image`."""
    if reading.kind == "Detection":
        rows = output[: output.size // BOX_VALUES * BOX_VALUES].reshape(-1, BOX_VALUES)
        return Outcome(boxes=_read_boxes(rows, reading, image))
    best = int(np.argmax(output))
    return Outcome(best, float(output[best]))


def _read_boxes(rows: NDArray[np.float32], reading: OutputReading, image: Geometry) -> tuple[Box, ...]:
    """The first `max_boxes` that reach the threshold; the rest is dropped before sending (facts 1.1)."""
    boxes: list[Box] = []
    corners = BOX_FORMATS.get(reading.box_format, BOX_FORMATS[PLAIN_FORMAT])
    for row in rows.astype(float).tolist():
        image_id, label, confidence = row[:3]
        if image_id < 0 or len(boxes) >= reading.max_boxes:
            break
        if not all(map(math.isfinite, row)) or confidence < reading.threshold or _whole(label) <= BACKGROUND:
            continue
        left, top, right, bottom = corners(row[3], row[4], row[5], row[6])
        boxes.append(
            Box(
                _whole(label),
                confidence,
                _whole(left * image.width),
                _whole(top * image.height),
                _whole(right * image.width),
                _whole(bottom * image.height),
            )
        )
    return tuple(boxes)


def _whole(value: float) -> int:
    """Rounded and saturated to the int16 of the box record."""
    return min(max(math.floor(value + 0.5), _INT16[0]), _INT16[1])


def _next_class(label: int, classes: int, first: int) -> int:
    """The class after `label`, the first one after the last; just the next one where the number is not known."""
    if classes <= first:
        return label + 1
    return first + (label + 1 - first) % (classes - first)
