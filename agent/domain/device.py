"""What the agent asks of a camera: values, and the Protocol that the camera room implements.

All methods of `Camera` are called from the event loop, run on that camera's one worker thread in call order, take a
deadline in seconds and raise a leaf of CameraError (CameraTimeout when the deadline passes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.domain.result import RawInference, StreamCounts
from agent.domain.subnet import InputSpec

Image8 = NDArray[np.uint8]
ProgressFn = Callable[[int, int], None]  # bytes written, bytes in all; called on the worker thread


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """Identity and limits read at connect; None where the firmware does not tell."""

    serial: str
    model: str
    firmware: str
    sdk_version: str
    buffer_bytes: int
    max_network_bytes: int | None
    network_bytes: int  # size of the network file on the camera now; 0 = none
    network_name: str | None
    supports_injection: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkSetup:
    """What has to be on the camera beside the bytes: type, pre-processing, expectations for the read-only check."""

    subnet_id: str
    task: str  # "classification" or "detection"
    input: InputSpec
    size_bytes: int
    classes: int


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """The camera's read-only properties after a load; None = not readable on this firmware."""

    size_bytes: int | None
    width: int | None
    height: int | None
    channels: int | None
    classes: int | None
    layers: int | None


@dataclass(frozen=True, slots=True)
class GoldenCheck:
    """A golden image (height, width) uint8 and the answer it must give."""

    image: Image8 = field(repr=False)
    class_id: int
    confidence: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class GoldenOutcome:
    """What the camera answered for one golden image."""

    class_id: int
    confidence: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Health:
    """Slow readings, about one a second; None where not readable."""

    temperature_c: float | None
    counts: StreamCounts
    frame_period_ms: float | None  # mean of the last frames; None while not streaming
    last_frame_age_s: float | None
    inference_period_ms: float | None = None  # mean time between inferred frames; the VPU's pace in saturation


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as the camera gave it, with pixels of its own: (height, width) or (height, width, 3), read-only.

    `captured_ns` is the camera's timestamp as RawInference has it, `host_ns` the same moment on the host's monotonic
    clock; `generation` is that of the acquisition, None without a network; `part` as RawInference. Exposure and gain
    are at most half a second old, None where the camera does not tell. `pixel_format` is the camera's name of it;
    `offset_x`, `offset_y` are where the region of interest begins on the sensor.
    """

    frame_id: int
    captured_ns: int
    host_ns: int
    generation: int | None
    part: int | None
    serial: str
    pixel_format: str
    offset_x: int
    offset_y: int
    exposure_us: float | None
    gain_db: float | None
    pixels: NDArray[np.generic] = field(repr=False)


class EventKind(Enum):
    RESULTS = "results"  # take_results has something
    LOST = "lost"  # unplugged, reset or removed; connect again
    STALLED = "stalled"  # streaming, but no frame came for too long


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """Something that happened without being asked for."""

    kind: EventKind
    detail: str = ""


class PictureTap(Protocol):
    """One reader's pictures of a camera, over all its streams until `close`. Event-loop side only."""

    @property
    def missed(self) -> int:
        """Pictures that were due and are lost: the reader was too slow, or the pixels could not be read."""
        ...

    def take(self) -> Sequence[Picture]:
        """Those since the last call, oldest first; never blocks."""
        ...

    def close(self) -> None:
        """No more pictures; idempotent."""
        ...


class Camera(Protocol):
    """One camera. Owner of the one thread that touches the SDK; see the module docstring."""

    @property
    def name(self) -> str: ...

    async def connect(self, deadline_s: float) -> CameraInfo:
        """Find, open and configure the camera; closes a file that a dead host left open. Not streaming after."""
        ...

    async def disconnect(self, deadline_s: float) -> None:
        """Stop, close and release in the vendor's order; never raises for a camera that is gone."""
        ...

    async def start_stream(self, deadline_s: float, generation: int | None) -> None:
        """Begin acquisition. Results are reported with `generation`; None = stream images only."""
        ...

    async def own_pace(self, on: bool, deadline_s: float) -> None:
        """From the next start of the stream on, a triggered camera takes frames at its own rate, which are no parts.

        `on` False, as after every connect: as configured. For measuring while the line stands and nothing triggers.
        """
        ...

    async def stop_stream(self, deadline_s: float) -> None:
        """End acquisition; harmless when not streaming."""
        ...

    async def disable_inference(self, deadline_s: float) -> None: ...

    async def delete_network(self, deadline_s: float) -> None:
        """Clear the network name, then delete the file; harmless when there is none."""
        ...

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        """Write `blob` to the network slot; always leaves the file closed, or raises CameraGone."""
        ...

    async def activate_network(
        self, setup: NetworkSetup, deadline_s: float, goldens: Sequence[GoldenCheck] = ()
    ) -> None:
        """Set type and pre-processing, wait until loaded, enable inference.

        `goldens`: of the self test that follows; what can be prepared for it while the network loads is.
        """
        ...

    async def read_network(self, deadline_s: float) -> NetworkReport: ...

    async def self_test(self, goldens: Sequence[GoldenCheck], deadline_s: float) -> tuple[GoldenOutcome, ...]:
        """Inject each image, infer, compare, restore the sensor; empty where the firmware cannot inject."""
        ...

    async def mark_verified(self, subnet_id: str, deadline_s: float) -> None:
        """Write the network name, where the firmware has one."""
        ...

    async def health(self, deadline_s: float) -> Health: ...

    async def read_line(self, line: str, deadline_s: float) -> bool:
        """Whether a digital input, for example "Line2", is high now; frames and results are not touched by it.

        CameraRefused where there is no such line, or it is an output.
        """
        ...

    def take_results(self) -> Sequence[RawInference]:
        """New results since the last call, oldest first; never blocks, event-loop side only."""
        ...

    def time_results(self, each: bool) -> None:
        """Whether the service time of each result is read, or, as at first, only of as many as show that it is steady.

        To read one is a transaction with the camera. Event-loop side only.
        """
        ...

    def tell_results(self, at_once: bool) -> None:
        """Whether RESULTS is told as soon as there is one, as from the first on, or results wait to be taken.

        Telling wakes the event loop for every result, which costs more than the result. Event-loop side only.
        """
        ...

    def on_event(self, callback: Callable[[CameraEvent], None]) -> None:
        """`callback` runs on the event loop."""
        ...

    def tap(self, every_s: float, capacity: int, on_picture: Callable[[], None]) -> PictureTap:
        """Pictures of whatever streams from now on, one in `every_s` on average; results and frames lose nothing by it.

        At most `capacity` wait to be taken, the newest ones. `on_picture` runs on the event loop, once until `take`.
        Nothing is copied while no tap is open.
        """
        ...
