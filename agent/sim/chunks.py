"""What travels with a frame: identity, geometry and the inference result that its chunks name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from agent.errors import CameraError, CameraGone

BITS_PER_PIXEL = {
    "Mono8": 8, "Mono16": 16, "Mono10Packed": 12, "Mono12Packed": 12, "Mono10p": 10, "Mono12p": 12,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Geometry:
    """Region of interest and format of the frames of one acquisition."""

    width: int
    height: int
    offset_x: int
    offset_y: int
    pixel_format: str
    bin_x: int = 1
    bin_y: int = 1
    bin_sums: bool = False
    reverse_x: bool = False
    reverse_y: bool = False

    @property
    def image_bytes(self) -> int:
        """Size of one image as it is sent."""
        return self.width * self.height * BITS_PER_PIXEL[self.pixel_format] // 8


@dataclass(frozen=True, slots=True)
class Processing:
    """What the sensor's gain and the image pipeline do to pixel values; the default changes nothing.

    `light` multiplies, `gamma` is an exponent on values of 0 to 1, `black` is added (fraction of the full range).
    """

    light: float = 1.0
    gamma: float = 1.0
    black: float = 0.0
    sharpens: bool = False
    denoises: bool = False


PLAIN = Processing()


@dataclass(frozen=True, slots=True)
class ImageKey:
    """Names the pixels that the VPU sees, so that equal images are inferred once.

    `content` is the part's content index (-1 the empty belt) or 0 for an injected image, which `digest` names.
    """

    source: Literal["scene", "injected"]
    content: int
    geometry: Geometry
    digest: str = ""
    processing: Processing = PLAIN


@dataclass(frozen=True, slots=True)
class Box:
    """One detection, a rectangle in image pixels that may overshoot the image (facts/firefly-dl.md section 2)."""

    class_id: int
    confidence: float
    left: int
    top: int
    right: int
    bottom: int


class ChunkResult(Protocol):
    """The inference result in the chunks of a frame; `boxes` are those of a detection network."""

    @property
    def frame_id(self) -> int: ...
    @property
    def class_id(self) -> int: ...
    @property
    def confidence(self) -> float: ...
    @property
    def boxes(self) -> tuple[Box, ...]: ...


@dataclass(slots=True)
class NoResult:
    """Chunk values before the first inference (facts/firefly-dl.md section 7, item 9)."""

    frame_id: int
    class_id: int = 0
    confidence: float = 0.0
    boxes: tuple[Box, ...] = ()


@dataclass(slots=True)
class FinishedResult:
    """A result that came over a socket."""

    frame_id: int
    class_id: int
    confidence: float
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """What all frames of one acquisition share: geometry, enabled chunks, exposure."""

    geometry: Geometry
    chunks: frozenset[str]
    exposure_us: float
    gain_db: float
    black_level: float
    # How the host half behaves with these frames: `Quirks.disabled_chunk_raises`, `Quirks.recycled_views`.
    strict_chunks: bool = False
    recycled_views: bool = False


@dataclass(slots=True, eq=False)
class Frame:
    """One delivered frame. `timestamp_ns` is the camera's time at the end of exposure."""

    frame_id: int
    timestamp_ns: int
    settings: FrameSettings
    result: ChunkResult
    image: ImageKey | None
    deliver_ns: int = 0
    incomplete: bool = False
    token: int = 0
    # Levels of the digital lines at the end of exposure, Line0 in bit 0; filled where the chunk is on.
    lines: int = 0


class LinkGone(CameraGone):
    """The camera is not on the bus any more, or the device process died."""

    reason = "SIM_LINK_GONE"


class TransferFailed(CameraError):
    """The camera refused or broke one register transfer."""

    reason = "SIM_TRANSFER_FAILED"


class LinkBusy(CameraError):
    """Another host owns the camera."""

    reason = "SIM_LINK_BUSY"


class DescriptionUnreadable(CameraError):
    """The camera did not hand out its description; the next attempt may find it (facts/firefly-dl.md section 3)."""

    reason = "SIM_DESCRIPTION_UNREADABLE"


class StreamAborted(CameraError):
    """The acquisition ended while a frame was waited for."""

    reason = "SIM_STREAM_ABORTED"
