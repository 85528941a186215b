"""Captures of one camera: what its taps bring, labelled, encoded and handed to those who asked.

Owner of the captures under way. One picture is encoded at a time, on a thread of its own, so that the worst that
captures can take is one core; a capture lives over swaps and lost connections until its deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio

from agent.clock import Clock, in_thread
from agent.domain.capture import CaptureAsk, CapturedImage
from agent.domain.device import Camera
from agent.domain.operation import PREFIX, CaptureWork, Operation
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState
from agent.errors import AgentError, CameraGone, CameraTimeout, Cancelled, Refused, TooMany
from agent.logs import event, logger
from agent.supervisor.actor import Actor
from agent.supervisor.image_queue import Held, ImageQueue
from agent.supervisor.imaging import png_of
from agent.supervisor.operations import OperationDesk
from agent.supervisor.parts import Parts
from agent.supervisor.results import ResultDesk

_log = logger("supervisor")
AT_ONCE = 2  # captures of one camera
_TAP = 4  # pictures between the camera's thread and the event loop


class ImageCapture:
    """One capture; see agent.domain.capture.Capture. Owner: its desk."""

    def __init__(self, desk: CaptureDesk, ask: CaptureAsk, operation: Operation) -> None:
        self._desk = desk
        self._operation = operation
        self._queue = ImageQueue()
        self._tap = desk.camera.tap(ask.every_s, _TAP, self._arrived)
        self.ask = ask
        self.taken = 0

    @property
    def operation(self) -> Operation:
        return self._operation

    @property
    def missed(self) -> int:
        """Pictures lost because the reader was too slow."""
        return self._queue.missed

    @property
    def done(self) -> bool:
        return self._operation.done and self._operation.error is None and self._queue.empty

    async def next(self, timeout_s: float) -> CapturedImage | None:
        image = await self._queue.read(timeout_s)
        if image is None and self._operation.error is not None:
            raise self._operation.error
        if not self._operation.done:
            self._queue.clear_news()
            self._desk.wake()  # there is room for another one
        return image

    def close(self) -> None:
        self.end(Cancelled("the client that asked for the images has gone away"))

    def cancel(self) -> None:
        self.end(Cancelled("cancelled"))

    def end(self, error: AgentError | None) -> None:
        """No more images; what is encoded can still be read. Harmless where it has ended."""
        if self._operation.done:
            return
        self._tap.close()
        self._queue.end()
        self._put(done=True, error=error)
        self._desk.ended(self)

    def offer(self, result: InferenceResult) -> None:
        self._queue.offer(result)

    def pop_settled(self, now_ns: int) -> Held | None:
        return None if self._operation.done else self._queue.pop_settled(now_ns)

    def encoded(self, image: CapturedImage) -> None:
        """One more; the last one ends the capture."""
        if self._operation.done:
            return
        self.taken += 1
        self._queue.put(image)
        self._put()
        if self.taken == self.ask.count:
            self.end(None)

    def until_ns(self) -> int:
        """When the desk has to look at it though nothing has come."""
        deadline_ns, waits_ns = self.deadline_ns, self._queue.until_ns()
        return deadline_ns if waits_ns is None else min(deadline_ns, waits_ns)

    @property
    def deadline_ns(self) -> int:
        return round((self._operation.deadline_s or 0.0) * 1e9)

    def _arrived(self) -> None:
        if self._operation.done:
            return  # it was told before the tap was closed
        self._queue.arrived(self._tap.take(), self._tap.missed, self._desk.clock.now_ns())
        self._put()
        self._desk.wake()

    def _put(self, done: bool = False, error: AgentError | None = None) -> None:
        work = CaptureWork(self.ask.label, self.ask.count, self.taken, self._queue.missed)
        self._operation = replace(self._operation, work=work, done=done, error=error)
        self._desk.operations.put(self._operation)


class CaptureDesk:
    """See the module docstring.

    `subnet_of` names a generation's network; `obstacle` says why no picture can come now.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        operations: OperationDesk,
        new_id: Callable[[], str],
        subnet_of: Callable[[int], str | None],
        obstacle: Callable[[], AgentError | None],
    ) -> None:
        self.camera = camera
        self.clock = clock
        self.operations = operations
        self._new_id = new_id
        self._subnet_of = subnet_of
        self._obstacle = obstacle
        self._captures: list[ImageCapture] = []
        self.on_start: Callable[[], None] = lambda: None  # before its first picture can come
        self._woken = asyncio.Event()
        self._closed = False

    def start(self, ask: CaptureAsk) -> ImageCapture:
        """Begin; raises BadInput, TooMany, and the obstacle where no picture can come."""
        ask = ask.validated()
        obstacle = Cancelled("the agent stops") if self._closed else self._obstacle()
        if obstacle is not None:
            raise obstacle
        if len(self._captures) >= AT_ONCE:
            names = ", ".join(capture.operation.name for capture in self._captures)
            raise TooMany(f"camera {self.camera.name}: {AT_ONCE} captures at most at once, under way are {names}")
        operation = Operation(
            name=f"{PREFIX}{self._new_id()}",
            camera=self.camera.name,
            work=CaptureWork(ask.label, ask.count),
            started_wall_ns=self.clock.wall_ns(),
            deadline_s=self.clock.now_ns() / 1e9 + (ask.timeout_s or 0.0),
        )
        self.on_start()
        capture = ImageCapture(self, ask, operation)
        self._captures.append(capture)
        self.operations.put(operation, capture.cancel)
        event(_log, logging.INFO, "capture_started", camera=self.camera.name, operation=operation.name,
              label=ask.label, count=ask.count)  # fmt: skip
        self.wake()
        return capture

    @property
    def busy(self) -> bool:
        """Whether a capture is under way."""
        return bool(self._captures)

    def result(self, result: InferenceResult) -> None:
        """An inference has come: perhaps of a picture that waits for it."""
        for capture in self._captures:
            capture.offer(result)
        if self._captures:
            self.wake()

    def ended(self, capture: ImageCapture) -> None:
        """Forget one that is over."""
        self._captures.remove(capture)
        operation = capture.operation
        event(_log, logging.INFO, "capture_ended", camera=operation.camera, operation=operation.name,
              taken=capture.taken, missed=capture.missed, error=operation.error)  # fmt: skip

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """The agent stops: end all captures, and `run`; idempotent."""
        self._closed = True
        for capture in tuple(self._captures):
            capture.end(Cancelled("the agent stops"))
        self.wake()

    async def run(self) -> None:
        """Encode what has come, and end what is due, until `close`."""
        while not self._closed:
            self._woken.clear()
            self._expire()
            if not await self._encode_one_each():
                await self._wait()

    async def _wait(self) -> None:
        looks_ns = [capture.until_ns() for capture in self._captures]
        timeout_s = max(0.0, (min(looks_ns) - self.clock.now_ns()) / 1e9) + 1e-3 if looks_ns else None
        with anyio.move_on_after(timeout_s):
            await self._woken.wait()

    def _expire(self) -> None:
        now_ns = self.clock.now_ns()
        for capture in tuple(self._captures):
            if now_ns >= capture.deadline_ns:
                capture.end(self._late(capture))

    def _late(self, capture: ImageCapture) -> AgentError:
        """What a capture ends with that is not done in time."""
        obstacle = self._obstacle()
        timeout_s = capture.ask.timeout_s or 0.0
        said = f"camera {self.camera.name}: {capture.taken} of {capture.ask.count} images within {timeout_s:g} s"
        if isinstance(obstacle, CameraGone):
            return CameraGone(f"{said}; {obstacle}")
        if obstacle is None and capture.missed:
            return CameraTimeout(f"{said}; {capture.missed} were lost because their reader was too slow")
        pace = f"one in {capture.ask.every_s:g} s at most"
        return CameraTimeout(f"{said}, {pace}; {obstacle or 'give it more time, or look whether frames come'}")

    async def _encode_one_each(self) -> bool:
        """The oldest picture of each capture that is settled; whether there was one."""
        some = False
        for capture in tuple(self._captures):
            held = capture.pop_settled(self.clock.now_ns())
            if held is not None:
                some = True
                await self._encode(capture, held)
        return some

    async def _encode(self, capture: ImageCapture, held: Held) -> None:
        picture = held.picture
        try:
            png = await in_thread(
                self.clock, f"png {self.camera.name}", partial(png_of, picture.pixels, picture.pixel_format)
            )
        except AgentError as error:
            capture.end(error)
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the supervision of the camera
            _log.critical("capture_crashed camera=%s", self.camera.name, exc_info=error)
            capture.end(AgentError(f"{type(error).__name__} while an image was encoded; the log has the trace"))
            return
        age_ns = self.clock.now_ns() - picture.host_ns
        subnet_id = None if picture.generation is None else self._subnet_of(picture.generation)
        image = CapturedImage(
            sequence=held.sequence,
            camera=self.camera.name,
            label=capture.ask.label,
            captured_wall_ns=self.clock.wall_ns() - age_ns,
            picture=picture,
            subnet_id=subnet_id,
            result=held.result,
            png=png,
        )
        capture.encoded(image)


def capture_desk(parts: Parts, operations: OperationDesk, desk: ResultDesk, actor: Actor) -> CaptureDesk:
    """The desk of a supervised camera."""
    camera, clock = parts.camera, parts.clock
    made = CaptureDesk(camera, clock, operations, parts.new_id, desk.subnet_of, lambda: obstacle_of(camera.name, actor))
    desk.on_result, made.on_start = made.result, desk.await_results
    return made


def obstacle_of(name: str, actor: Actor) -> AgentError | None:
    """Why no picture of that camera can come now."""
    detail = actor.machine.detail
    said = f"camera {name} is {actor.state.value}{f': {detail}' if detail else ''}"
    if actor.state in (CameraState.DISCONNECTED, CameraState.CONNECTING):
        return CameraGone(said)
    return Refused(f"{said}; acknowledge its alarm") if actor.state is CameraState.FAULTED else None
