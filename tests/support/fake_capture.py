"""A scripted capture: the transport's side of agent.domain.capture.Capture, without a camera."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

import anyio
import numpy as np

from agent.domain.capture import CaptureAsk, CapturedImage
from agent.domain.device import Picture
from agent.domain.operation import CaptureWork, Operation
from agent.domain.result import InferenceResult
from agent.errors import AgentError, Cancelled

WALL_NS = 1_700_000_000_123_456_000


def an_image(
    sequence: int, label: str = "ok", result: InferenceResult | None = None, png: bytes = b"png"
) -> CapturedImage:
    """With everything that can be told; `result` None: that of a camera without a network."""
    generation = None if result is None else result.inference.generation
    picture = Picture(
        frame_id=sequence + 10,
        captured_ns=sequence * 1000,
        host_ns=sequence * 2000,
        generation=generation,
        part=None if result is None else result.inference.part,
        serial="20381234",
        pixel_format="Mono8",
        offset_x=184,
        offset_y=4,
        exposure_us=5000.0,
        gain_db=None if result is None else 1.5,
        pixels=np.zeros((4, 6), np.uint8),
    )
    subnet = None if result is None else result.subnet_id
    return CapturedImage(sequence, "station-1", label, WALL_NS + sequence, picture, subnet, result, png)


@dataclass(eq=False)
class FakeCapture:
    """Gives what the test puts in; done after `ask.count` images, or with `end`."""

    ask: CaptureAsk
    operation: Operation
    closed: bool = False
    _images: deque[CapturedImage] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _given: int = 0

    @classmethod
    def of(cls, ask: CaptureAsk, camera: str, number: int) -> FakeCapture:
        return cls(ask, Operation(f"operations/capture-{number}", camera, CaptureWork(ask.label, ask.count)))

    def put(self, *images: CapturedImage, missed: int = 0) -> None:
        self._images.extend(images)
        work = CaptureWork(self.ask.label, self.ask.count, self._given + len(self._images), missed)
        self.operation = replace(self.operation, work=work)
        self._news.set()

    def end(self, error: AgentError) -> None:
        self.operation = replace(self.operation, done=True, error=error)
        self._news.set()

    @property
    def done(self) -> bool:
        return self._given == self.ask.count

    async def next(self, timeout_s: float) -> CapturedImage | None:
        with anyio.move_on_after(timeout_s):
            await self._news.wait()
        if self._images:
            self._given += 1
            image = self._images.popleft()
        elif self.operation.error is not None:
            raise self.operation.error
        else:
            image = None
        if not self._images and self.operation.error is None:
            self._news.clear()
        return image

    def close(self) -> None:
        self.closed = True
        if not self.done and self.operation.error is None:
            self.end(Cancelled("the client that asked for the images has gone away"))
