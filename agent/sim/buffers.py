"""Stream buffers of the host, as the bus sees them: which frame finds one, and which is lost.

A buffer is either filled and waiting (output), held by an image of the application, or free (input). The device keeps
them, because only it replays what arrived between two calls of the host (`Acquisition.advance`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.sim.chunks import Frame

BufferMode = Literal["OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst"]
# What "Auto" gives (facts/pyspin-surface.md 2.5: programs hold a few images and must not starve).
DEFAULT_BUFFERS = 10
IMAGE_BUFFER_BYTES = 32_000_000  # facts/firefly-dl.md S9


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """The statistics of the TL stream map; frames since BeginAcquisition, buffers now."""

    buffers: int = 0
    started: int = 0
    received: int = 0
    incomplete: int = 0
    lost: int = 0
    dropped: int = 0
    delivered: int = 0
    input: int = 0
    output: int = 0


class StreamBuffers:
    """Frames on their way and in buffers. Owner: the acquisition, under the device's lock."""

    def __init__(self, on_loss: Callable[[], None], image_buffer_bytes: int = IMAGE_BUFFER_BYTES) -> None:
        self._on_loss, self._image_buffer_bytes = on_loss, image_buffer_bytes
        self._transit: deque[Frame] = deque()
        self._output: deque[Frame] = deque()
        self.configure(DEFAULT_BUFFERS, "OldestFirst")

    def configure(self, buffers: int, mode: BufferMode) -> None:
        """New buffers for an acquisition: none is filled or held, all counts start at 0."""
        self._buffers, self._mode = buffers, mode
        self._held = 0
        self._started = self._received = self._incomplete = self._lost = self._dropped = self._delivered = 0
        self.clear()

    def clear(self) -> None:
        """Forget the frames that wait or are on their way."""
        self._transit.clear()
        self._output.clear()

    def in_transit(self) -> int:
        """Frames that left the sensor and are not at the host yet."""
        return len(self._transit)

    def send(self, frame: Frame, transfer_ns: int = 0) -> None:
        """The camera starts to send a frame; it is here at `frame.deliver_ns`, frames never overtake each other.

        On a slow link a frame takes it for `transfer_ns`. What is not sent yet lies in the camera's image buffer, and
        is lost where that is full. The buffer is none for a host that takes no frames: the vendor's BufferHandling
        example loses them with a handful of host buffers.
        """
        self._started += 1
        ahead = len(self._transit)
        if ahead and (ahead + 1) * frame.settings.geometry.image_bytes > self._image_buffer_bytes:
            self._lost += 1
            self._on_loss()
            return
        if ahead and transfer_ns:
            frame.deliver_ns = max(frame.deliver_ns, self._transit[-1].deliver_ns + transfer_ns)
        self._transit.append(frame)

    def settle(self, now_ns: int) -> None:
        """Let everything arrive that is here by `now_ns`, as the buffers are at this moment."""
        while self._transit and self._transit[0].deliver_ns <= now_ns:
            self._arrive(self._transit.popleft())

    def pop(self, now_ns: int) -> Frame | None:
        """Hand a frame to the application, which holds its buffer from now on."""
        self.settle(now_ns)
        if not self._output:
            return None
        self._held += 1
        self._delivered += 1
        return self._output.pop() if self._mode in {"NewestFirst", "NewestOnly"} else self._output.popleft()

    def give_back(self, buffers: int, now_ns: int) -> None:
        """The application released images; what arrived before that had to do without their buffers."""
        self.settle(now_ns)
        self._held = max(self._held - buffers, 0)

    def due_ns(self) -> int | None:
        """When a frame is or will be here, as far as one is on its way."""
        waiting = self._output or self._transit
        return waiting[0].deliver_ns if waiting else None

    def counts(self) -> StreamCounts:
        """Statistics at this moment."""
        free = max(self._buffers - self._held - len(self._output), 0)
        return StreamCounts(
            self._buffers, self._started, self._received, self._incomplete, self._lost, self._dropped,
            self._delivered, free, len(self._output),
        )  # fmt: skip

    def _arrive(self, frame: Frame) -> None:
        """Find a buffer: a free one, or for the modes that overwrite the oldest filled one."""
        room = min(1, self._buffers - self._held) if self._mode == "NewestOnly" else self._buffers - self._held
        if len(self._output) >= room and not self._overwrite():
            self._lost += 1
            self._on_loss()
            return
        self._received += 1
        self._incomplete += frame.incomplete
        self._output.append(frame)

    def _overwrite(self) -> bool:
        if self._mode == "OldestFirst" or not self._output:
            return False
        self._output.popleft()
        self._dropped += 1
        self._on_loss()
        return True
