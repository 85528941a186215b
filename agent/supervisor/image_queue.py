"""Pictures of one capture on their way to its reader: waiting for their results, to be encoded, to be read.

tap ─► held (≤ HELD) ─► settled: encode ─► ready (≤ READY) ─► reader
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from agent.domain.capture import CapturedImage
from agent.domain.device import Picture
from agent.domain.result import InferenceResult

HELD = 8  # pictures; of a full sensor 12 MB grey, 37 MB RGB
CROWD = HELD // 2
READY = 2  # encoded images, so that a reader that is a little late finds one
RESULT_WAIT_S = 10.0  # a result comes with a later frame, and the line may be slow


@dataclass(slots=True, eq=False)
class Held:
    """A picture that waits for its result: `settled` once that has come or cannot come any more."""

    sequence: int
    picture: Picture
    until_ns: int
    settled: bool
    result: InferenceResult | None = None


class ImageQueue:
    """See the module docstring. The oldest pictures are lost where the reader is too slow; event-loop side only."""

    def __init__(self) -> None:
        self._held: deque[Held] = deque()
        self._ready: deque[CapturedImage] = deque()
        self._news = asyncio.Event()
        self._sequence = 0
        self._tap_missed = 0
        self.missed = 0

    def arrived(self, pictures: Sequence[Picture], tap_missed: int, now_ns: int) -> None:
        """New pictures, after `tap_missed` in all that never came this far."""
        lost, self._tap_missed = tap_missed - self._tap_missed, tap_missed
        self._sequence += lost
        self.missed += lost
        for picture in pictures:
            self._sequence += 1
            for older in self._held:  # results come in order: those of an older acquisition will not come any more
                older.settled |= older.picture.generation != picture.generation
            until_ns = now_ns + round(RESULT_WAIT_S * 1e9)
            self._held.append(Held(self._sequence, picture, until_ns, settled=picture.generation is None))
        while len(self._held) > HELD:
            self._held.popleft()
            self.missed += 1

    def offer(self, result: InferenceResult) -> None:
        """A result that has just come; those of older frames will not come any more."""
        inference = result.inference
        for held in self._held:
            picture = held.picture
            if held.settled or picture.generation != inference.generation:
                continue
            if picture.captured_ns == inference.captured_ns:
                held.result = result
            held.settled = picture.captured_ns <= inference.captured_ns

    def pop_settled(self, now_ns: int) -> Held | None:
        """The oldest picture, once it may be encoded and the reader has room. A crowd does not wait for results."""
        if not self._held or len(self._ready) >= READY:
            return None
        head = self._held[0]
        goes = head.settled or now_ns >= head.until_ns or len(self._held) > CROWD
        return self._held.popleft() if goes else None

    def until_ns(self) -> int | None:
        """When the oldest picture stops waiting for its result; None where no time will change anything."""
        return self._held[0].until_ns if self._held and len(self._ready) < READY else None

    def put(self, image: CapturedImage) -> None:
        """An encoded image for the reader."""
        self._ready.append(image)
        self._news.set()

    def end(self) -> None:
        """No more pictures: what is encoded stays for the reader, who is told."""
        self._held.clear()
        self._news.set()

    async def read(self, timeout_s: float) -> CapturedImage | None:
        """The oldest encoded image; None where none comes within `timeout_s`, or none will come any more."""
        if not self._ready:
            with anyio.move_on_after(timeout_s):
                await self._news.wait()
        return self._ready.popleft() if self._ready else None

    def clear_news(self) -> None:
        """The reader has seen all that there is."""
        if not self._ready:
            self._news.clear()

    @property
    def empty(self) -> bool:
        """Nothing waits for the reader."""
        return not self._ready
