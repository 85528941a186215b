"""A small picture of what a camera sees now, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.domain.result import InferenceResult
from agent.errors import BadInput

LARGEST_PX = 720  # width; a card of the page is not wider
SMALLEST_PX = 64


@dataclass(frozen=True, slots=True)
class Jpeg:
    """One frame as a small JPEG file, with its sizes in pixels.

    `number` counts those of one camera from 1. `captured_ns` is the camera's timestamp as RawInference has it,
    `taken_ns` the same moment, the end of exposure, on the host's monotonic clock.
    """

    number: int
    frame_id: int
    part: int | None
    captured_ns: int
    taken_ns: int
    generation: int | None
    width: int
    height: int
    frame_width: int
    frame_height: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture with what is known of it: `subnet_id` ran then, `result` is that of this very frame; None without."""

    camera: str
    captured_wall_ns: int
    jpeg: Jpeg
    subnet_id: str | None
    result: InferenceResult | None


def preview_width(max_width: int) -> int:
    """The bound of a picture's width that a reader asks for, 0 for none of its own; raises BadInput."""
    if max_width == 0:
        return LARGEST_PX
    if not SMALLEST_PX <= max_width <= LARGEST_PX:
        why = f"{max_width} pixels are not within {SMALLEST_PX} to {LARGEST_PX} (0: {LARGEST_PX})"
        raise BadInput("max_width", f"{why}; CaptureImages gives whole frames")
    return max_width
