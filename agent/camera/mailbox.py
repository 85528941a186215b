"""Requests from the event loop to the worker thread, and answers back. Bounded: a full mailbox refuses.

The thread waits on the clock's signal only, so that it runs in virtual time. The mutex guards memory, never a wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.camera.guard import Guard
from agent.camera.vendor_errors import clear_frames
from agent.clock import Clock
from agent.errors import CameraBusy, CameraGone, CameraTimeout

T = TypeVar("T")
_GRACE_S = 2.0  # a request past its deadline still cleans up (closes its file) before it answers


@dataclass(eq=False)
class Request(Generic[T]):
    """One call for the worker thread; answered once, on its loop."""

    guard: Guard
    work: Callable[[Guard], T]
    needs_camera: bool
    future: asyncio.Future[T]

    def answer(self, value: T) -> None:
        self._post(lambda: self.future.set_result(value))

    def fail(self, error: BaseException) -> None:
        clear_frames(error)
        self._post(lambda: self.future.set_exception(error))

    def _post(self, settle: Callable[[], None]) -> None:
        def on_loop() -> None:
            if not self.future.done():
                settle()

        post(self.future.get_loop(), on_loop)


class Mailbox:
    """The queue between loop and thread. `put` on the loop, `take` on the thread."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        self._mutex = threading.Lock()
        self._requests: deque[Request[Any]] = deque()
        self._arrived = clock.signal()
        self._closed = False

    async def ask(self, what: str, work: Callable[[Guard], T], deadline_s: float, needs_camera: bool = True) -> T:
        """Run `work` on the thread and wait for it.

        Raises CameraBusy when too many wait already, CameraTimeout past the deadline. A caller that is cancelled
        leaves at once; its request is skipped or stops at its next check.
        """
        loop = asyncio.get_running_loop()
        guard = Guard(self._clock, what, deadline_s)
        future: asyncio.Future[T] = loop.create_future()
        request = Request(guard, work, needs_camera, future)
        self._put(request)
        timer = loop.call_later(deadline_s + _GRACE_S, _expire, request, deadline_s)
        try:
            return await future
        except asyncio.CancelledError:
            guard.cancel()
            raise
        finally:
            timer.cancel()

    def take(self) -> Request[Any] | None:
        """The oldest request whose caller still waits; None when there is none."""
        if not self._arrived.is_set():  # set after each that is put: a look at it costs a frame less than the mutex
            return None
        with self._mutex:
            while self._requests:
                request = self._requests.popleft()
                if not request.guard.cancelled:
                    return request
            self._arrived.clear()
        return None

    def wait(self, timeout_s: float) -> None:
        """Block the thread until a request may have come."""
        self._arrived.wait(timeout_s)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """No requests from now on; those that wait fail."""
        with self._mutex:
            self._closed = True
            left = list(self._requests)
            self._requests.clear()
        for request in left:
            request.fail(CameraGone(f"{request.guard.what}: the camera was closed"))
        self._arrived.set()

    def _put(self, request: Request[Any]) -> None:
        with self._mutex:
            if self._closed:
                raise CameraGone(f"{request.guard.what}: the camera was closed")
            if len(self._requests) >= self._capacity:  # those that nobody waits for leave their places to others
                self._requests = deque(one for one in self._requests if not one.guard.cancelled)
            if len(self._requests) >= self._capacity:
                raise CameraBusy(f"{request.guard.what}: {self._capacity} requests wait already; try again later")
            self._requests.append(request)
        self._arrived.set()


def post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Run `call` on the loop; nobody is left to tell where the loop has ended."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _expire(request: Request[Any], deadline_s: float) -> None:
    request.guard.cancel()
    if not request.future.done():
        request.future.set_exception(
            CameraTimeout(f"{request.guard.what}: the camera thread gave no answer within {deadline_s:g} s; reconnect")
        )
