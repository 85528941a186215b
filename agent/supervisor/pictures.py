"""Pictures of one camera for whoever looks: small JPEGs at a low rate, and none while nobody looks.

    tap (one in `every_s`) ─► newest ─► encode (one at a time, on a thread of its own) ─► kept for all who ask

The camera's thread copies a frame where the tap is due and never waits. However many ask, a picture is encoded once,
and once more for each smaller size that is asked for, of which there are a few. With nobody asking the tap is closed
and what was made is forgotten: nobody is ever shown an old picture as new.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio

from agent.clock import Clock, in_thread
from agent.domain.control import Feed
from agent.domain.device import Picture, PictureTap
from agent.domain.preview import Jpeg, Preview
from agent.domain.result import InferenceResult
from agent.errors import AgentError, CameraGone, CameraTimeout, Cancelled
from agent.logs import event, logger
from agent.supervisor.actor import Actor
from agent.supervisor.capture import obstacle_of
from agent.supervisor.jpeg import halvings_for, jpeg_file, narrowed, small_image
from agent.supervisor.parts import Parts
from agent.supervisor.results import ResultDesk

if TYPE_CHECKING:
    from PIL.Image import Image

_log = logger("supervisor")
KEPT = 3  # so that a browser gets the very picture that it was told of
RECENT = 64  # results among which that of a picture is looked for


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds. A picture is made at most every `every_s`, and not any more `idle_s` after somebody asked.

    A preview is of a picture that came at most `fresh_s` ago; it is waited for up to `wait_s`, which a swap does not
    take, and its result up to `result_s`.
    """

    every_s: float = 0.5
    idle_s: float = 5.0
    fresh_s: float = 1.0
    wait_s: float = 8.0
    result_s: float = 1.0


class Tapped(Protocol):
    """The part of agent.domain.device.Camera that shows pictures."""

    def tap(self, every_s: float, capacity: int, on_picture: Callable[[], None]) -> PictureTap: ...


ResultFeed = Callable[[int, Callable[[InferenceResult], bool]], Feed[InferenceResult]]


@dataclass(slots=True, eq=False)
class _Made:
    """A picture as it was encoded, when it came, and its smaller sizes by how often they are halved.

    The time of its exposure is worked out once, so that all who get the picture are told the same.
    """

    jpeg: Jpeg
    came_ns: int
    captured_wall_ns: int
    image: Image
    smaller: dict[int, Jpeg] = field(default_factory=dict)


class PictureDesk:
    """Owner of the tap for lookers of one camera and of its last JPEGs; event-loop side only, but for the encoding.

    `subnet_of` names a generation's network; `obstacle` says why no picture can come now.
    """

    def __init__(
        self,
        name: str,
        source: Tapped,
        clock: Clock,
        feed: ResultFeed,
        subnet_of: Callable[[int], str | None] = lambda _: None,
        obstacle: Callable[[], AgentError | None] = lambda: None,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._name = name
        self._source = source
        self._clock = clock
        self._subscribe = feed
        self._subnet_of = subnet_of
        self._obstacle = obstacle
        self._rhythm = rhythm or Rhythm()
        self._tap: PictureTap | None = None
        self._feed: Feed[InferenceResult] | None = None
        self._asked_ns = 0
        self._made: deque[_Made] = deque(maxlen=KEPT)
        self._recent: OrderedDict[int, InferenceResult] = OrderedDict()
        self._last: InferenceResult | None = None
        self._number = 0
        self._arrived = asyncio.Event()
        self._news = asyncio.Event()
        self._encoding = asyncio.Lock()
        self._failure: AgentError | None = None
        self._ended = False

    @property
    def newest(self) -> Jpeg | None:
        """The last one; None while nobody asks, and until the first."""
        return self._made[-1].jpeg if self._made else None

    @property
    def error(self) -> str:
        """Why pictures cannot be shown; empty where they can."""
        return str(self._failure) if self._failure is not None else ""

    async def ask(self, number: int | None, wait_s: float) -> Jpeg | None:
        """That picture, or the newest; the first one is waited for. None where none comes in time."""
        self._look()
        with anyio.move_on_after(wait_s):
            while not self._made and not self._ended:
                await self._next()
        return next((one.jpeg for one in self._made if one.jpeg.number == number), self.newest)

    async def preview(self, max_width: int) -> Preview:
        """What the camera sees now, at most that wide. Raises the obstacle where no picture can come, CameraTimeout
        where none comes, CameraRefused where the camera's pixel format cannot be shown, Cancelled when the agent
        stops."""
        obstacle = Cancelled("the agent stops") if self._ended else self._obstacle()
        if obstacle is not None:
            raise obstacle
        made = await self._fresh()
        result = await self._result_of(made.jpeg)
        jpeg = await self._sized(made, halvings_for(made.jpeg.width, max_width))
        subnet_id = None if jpeg.generation is None else self._subnet_of(jpeg.generation)
        return Preview(self._name, made.captured_wall_ns, jpeg, subnet_id, result)

    def close(self) -> None:
        """No more pictures until somebody asks; idempotent."""
        tap, self._tap = self._tap, None
        feed, self._feed = self._feed, None
        if tap is not None:
            tap.close()
        if feed is not None:
            feed.close()
        self._made.clear()
        self._recent.clear()
        self._last = self._failure = None

    def end(self) -> None:
        """The agent stops: no more pictures at all, and whoever waits for one is told; idempotent."""
        self._ended = True
        self.close()
        self._arrived.set()
        self._news.set()

    async def run(self) -> None:
        """Encode what comes, until `end`."""
        try:
            while not self._ended:
                with anyio.move_on_after(self._idle_in_s()):
                    await self._arrived.wait()
                self._arrived.clear()
                left_s = self._idle_in_s()
                if left_s is not None and left_s <= 0.0:
                    self.close()
                pictures = [] if self._tap is None else list(self._tap.take())
                if pictures:
                    await self._encode(pictures[-1])
        finally:
            self.end()

    def _look(self) -> None:
        """Somebody looks: there have to be pictures."""
        if self._ended:
            return
        self._asked_ns = self._clock.now_ns()
        if self._tap is None:
            self._feed = self._subscribe(1, self._saw)
            self._tap = self._source.tap(self._rhythm.every_s, 1, self._arrived.set)
            self._arrived.set()  # from now on `run` has to look whether somebody still looks

    def _idle_in_s(self) -> float | None:
        """How long pictures are still made for, unless somebody asks again; None while none are."""
        if self._tap is None:
            return None
        left_ns = self._asked_ns + self._rhythm.idle_s * 1e9 - self._clock.now_ns()
        return max(0.0, left_ns / 1e9)

    async def _next(self) -> None:
        """Wait until a picture or a result has come, or none will come any more."""
        self._news.clear()
        await self._news.wait()

    async def _fresh(self) -> _Made:
        rhythm = self._rhythm
        until_ns = self._clock.now_ns() + round(rhythm.wait_s * 1e9)
        while True:
            if self._ended:
                raise Cancelled("the agent stops")
            self._look()
            now_ns = self._clock.now_ns()
            if self._made and now_ns - self._made[-1].came_ns <= rhythm.fresh_s * 1e9:
                return self._made[-1]
            if self._failure is not None:
                raise self._failure
            if now_ns >= until_ns:
                raise self._late()
            with anyio.move_on_after(min((until_ns - now_ns) / 1e9 + 1e-3, rhythm.idle_s / 2)):
                await self._next()

    def _late(self) -> AgentError:
        """What a preview ends with that is not there in time."""
        obstacle = self._obstacle()
        said = f"camera {self._name}: no frame within {self._rhythm.wait_s:g} s"
        if isinstance(obstacle, CameraGone):
            return CameraGone(f"{said}; {obstacle}")
        return CameraTimeout(f"{said}; {obstacle or 'does the line run, and does its trigger reach the camera?'}")

    async def _result_of(self, jpeg: Jpeg) -> InferenceResult | None:
        """It comes with a later frame; None where that takes too long, or the frame was not inferred."""
        with anyio.move_on_after(self._rhythm.result_s):
            while not self._is_settled(jpeg):
                await self._next()
        result = self._recent.get(jpeg.captured_ns)
        return result if result is not None and result.inference.generation == jpeg.generation else None

    def _is_settled(self, jpeg: Jpeg) -> bool:
        """Whether its result has come or cannot come any more: results come in order."""
        if jpeg.generation is None or self._ended:
            return True
        if self.newest is not None and self.newest.generation != jpeg.generation:
            return True
        if self._last is None:
            return False
        last = self._last.inference
        return last.generation > jpeg.generation or (
            last.generation == jpeg.generation and last.captured_ns >= jpeg.captured_ns
        )

    def _saw(self, result: InferenceResult) -> bool:
        """Every result while somebody looks; none of them is queued."""
        self._last = result
        self._recent[result.inference.captured_ns] = result
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        self._news.set()
        return False

    async def _encode(self, picture: Picture) -> None:
        came_ns = self._clock.now_ns()
        try:
            async with self._encoding:
                work = partial(_encoded, picture, self._number + 1)
                jpeg, image = await in_thread(self._clock, f"jpeg {self._name}", work)
        except Exception as error:  # noqa: BLE001 - a picture that cannot be shown must end nothing else
            if self._failure is None:
                event(_log, logging.WARNING, "picture_not_shown", camera=self._name, error=error)
            if self._tap is not None:
                self._failure = error if isinstance(error, AgentError) else AgentError(f"no picture: {error!r}")
                self._news.set()
            return
        if self._tap is None:
            return  # nobody looks any more
        self._number, self._failure = jpeg.number, None
        age_ns = self._clock.now_ns() - jpeg.taken_ns
        self._made.append(_Made(jpeg, came_ns, self._clock.wall_ns() - age_ns, image))
        self._news.set()

    async def _sized(self, made: _Made, halvings: int) -> Jpeg:
        """The same picture with its sides halved so often."""
        if halvings == 0:
            return made.jpeg
        async with self._encoding:
            if halvings not in made.smaller:
                work = partial(_narrowed, made, halvings)
                made.smaller[halvings] = await in_thread(self._clock, f"jpeg {self._name}", work)
        return made.smaller[halvings]


def picture_desk(parts: Parts, desk: ResultDesk, actor: Actor) -> PictureDesk:
    """The desk of a supervised camera."""
    name = parts.camera.name
    return PictureDesk(
        name, parts.camera, parts.clock, desk.subscribe, desk.subnet_of, lambda: obstacle_of(name, actor)
    )


def _encoded(picture: Picture, number: int) -> tuple[Jpeg, Image]:
    """Blocks; raises CameraRefused for a format that is not known."""
    image = small_image(picture.pixels, picture.pixel_format)
    height, width = picture.pixels.shape[:2]
    jpeg = Jpeg(
        number,
        picture.frame_id,
        picture.part,
        picture.captured_ns,
        picture.host_ns,
        picture.generation,
        image.width,
        image.height,
        width,
        height,
        jpeg_file(image),
    )
    return jpeg, image


def _narrowed(made: _Made, halvings: int) -> Jpeg:
    """Blocks."""
    image = narrowed(made.image, halvings)
    return replace(made.jpeg, width=image.width, height=image.height, body=jpeg_file(image))
