"""Raw frames for checks: what the images and chunks say, before any rule of ours is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from agent.camera import acquisition
from agent.camera.commission.check import Bench, Finding
from agent.camera.frames import NO_DATA, PARSING_CHUNK_DATA
from agent.camera.sdk import TIMEOUT, Image
from agent.camera.vendor_errors import error_code, translate


@dataclass(frozen=True, slots=True)
class Seen:
    """One image: its own ids, and those of its chunks; None where the chunk cannot be read."""

    frame_id: int
    timestamp_ns: int
    incomplete: bool
    chunk_frame_id: int | None
    inference_id: int | None
    class_id: int | None
    confidence: float | None


class NextImage(Protocol):
    def __call__(self, timeout_ms: int = 1000) -> Seen | None: ...


@contextmanager
def running(bench: Bench) -> Iterator[NextImage]:
    """Acquisition for the length of the block; its value takes the next image, None on a timeout."""
    session = bench.session

    def next_image(timeout_ms: int = 1000) -> Seen | None:
        bench.guard.check()
        image = grab(bench, timeout_ms)
        if image is None:
            return None
        try:
            return _seen(bench, image)
        finally:
            image.Release()

    session.begin()
    try:
        yield next_image
    finally:
        session.end()


def grab(bench: Bench, timeout_ms: int) -> Image | None:
    """The next image, which the caller releases; None on a timeout; raises a CameraError."""
    nodes = bench.nodes
    try:
        return bench.session.pointer.GetNextImage(timeout_ms)
    except nodes.vendor_exception as exc:
        if error_code(exc) == TIMEOUT:
            return None
        raise translate(exc, "get the next image") from exc


def take(next_image: NextImage, count: int) -> list[Seen]:
    """Up to `count` images; fewer where none came for a second."""
    found = []
    for _ in range(count):
        seen = next_image()
        if seen is None:
            break
        found.append(seen)
    return found


def free_running(measure: Callable[[Bench], Finding]) -> Callable[[Bench], Finding]:
    """`measure` with frames of their own accord: a part sensor may never fire on a bench."""

    def measured(bench: Bench) -> Finding:
        acquisition.trigger_off(bench.nodes)
        try:
            return measure(bench)
        finally:
            acquisition.apply_trigger(bench.nodes, bench.settings)

    return measured


def _seen(bench: Bench, image: Image) -> Seen:
    if image.IsIncomplete():
        return Seen(image.GetFrameID(), image.GetTimeStamp(), True, None, None, None, None)
    values: list[Any] = []
    for name in ("GetFrameID", "GetInferenceFrameId", "GetInferenceResult", "GetInferenceConfidence"):
        try:
            values.append(getattr(image.GetChunkData(), name)())
        except bench.nodes.vendor_exception as exc:
            if error_code(exc) not in {PARSING_CHUNK_DATA, NO_DATA}:
                raise translate(exc, f"read chunk data ({name})") from exc
            values.append(None)
    return Seen(image.GetFrameID(), image.GetTimeStamp(), False, *values)
