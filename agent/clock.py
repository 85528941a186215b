"""Time, blocking and threads come from here, so that one virtual clock can run hours in seconds.

`SystemClock` is the real thing. `VirtualClock` runs every participant (threads it spawned, the thread that made it, and
the event loop of `run_virtual`) one at a time: a participant runs until it waits on the clock; then the first
participant that was signalled runs, in registration order, and only when none was does time jump to the earliest
deadline, in (time, registration) order. A run is therefore deterministic. Code that may run under it blocks only
through `Signal.wait` and `Clock.sleep`; a mutex held for pure memory work is fine.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from agent.threads import SureThread

T = TypeVar("T")
_NS = 1_000_000_000
_LEFT_S = 0.5  # for the end of a thread that has nothing left to do, or is given up


class Signal(Protocol):
    """A flag that one or more threads wait for."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout_s: float | None) -> bool:
        """Block the calling thread until set or `timeout_s` passed; returns whether it is set."""
        ...


class Clock(Protocol):
    """Monotonic, boot and wall time in ns, blocking sleep, signals and threads."""

    def now_ns(self) -> int: ...
    def boottime_ns(self) -> int: ...
    def wall_ns(self) -> int: ...
    def sleep(self, seconds: float) -> None: ...
    def signal(self) -> Signal: ...
    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        """A thread that has begun; raises OutOfResources."""
        ...

    def join(self, thread: threading.Thread, timeout_s: float) -> bool:
        """Wait for a spawned thread to end; False where it is still alive after `timeout_s`."""
        ...


class SystemSignal:
    """`threading.Event` under the Signal names."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set, self.clear, self.is_set = self._event.set, self._event.clear, self._event.is_set

    def wait(self, timeout_s: float | None) -> bool:
        return self._event.wait(timeout_s)


class SystemClock:
    """The machine's clocks; boottime goes on while the machine is suspended (leases need that)."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

    def signal(self) -> Signal:
        return SystemSignal()

    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        thread = SureThread(name, target)
        thread.start()
        return thread

    def join(self, thread: threading.Thread, timeout_s: float) -> bool:
        thread.join(timeout_s)
        return not thread.is_alive()


async def in_thread(clock: Clock, name: str, work: Callable[[], T]) -> T:
    """Run blocking `work` on a thread of its own and await its result; works in virtual time too."""
    thread, future = _begun(clock, name, work)
    try:
        return await future
    finally:
        clock.join(thread, 10.0)


async def in_thread_within(clock: Clock, name: str, work: Callable[[], T], deadline_s: float) -> T:
    """As `in_thread` for work that may hang, as on a dead mount: TimeoutError where it has not ended by the deadline.

    Its thread is then left to itself, and what `work` answers later is dropped.
    """
    thread, future = _begun(clock, name, work)
    try:
        await asyncio.wait({future}, timeout=deadline_s)
    finally:
        if not future.done():
            future.cancel()
            clock.join(thread, _LEFT_S)
    if future.cancelled():
        raise TimeoutError(f"{name}: not done within {deadline_s:g} s")
    clock.join(thread, _LEFT_S)
    return future.result()


@dataclass(eq=False)
class _Participant:
    """One thread (or the event loop's thread) under the virtual clock."""

    order: int
    baton: threading.Event = field(default_factory=threading.Event)
    waiting: bool = False
    signalled: bool = False
    deadline_ns: int | None = None


class VirtualDeadlock(RuntimeError):
    """Every participant waits without a deadline: nothing can ever happen again."""


class VirtualClock:
    """Deterministic virtual time. Owner: the thread that made it, which is participant 0."""

    def __init__(self, start_wall_ns: int = 1_700_000_000 * _NS) -> None:
        self._mutex = threading.RLock()
        self._now_ns = 0
        self._wall_offset_ns = start_wall_ns
        self._count = 0
        self._participants: list[_Participant] = []
        self._by_thread: dict[int, _Participant] = {}
        self._dead: BaseException | None = None
        self._enlist()

    def now_ns(self) -> int:
        return self._now_ns

    def boottime_ns(self) -> int:
        return self._now_ns

    def wall_ns(self) -> int:
        return self._wall_offset_ns + self._now_ns

    def step_wall(self, seconds: float) -> None:
        """Jump the wall clock, as NTP or a hand on the clock would; the other clocks do not move."""
        self._wall_offset_ns += round(seconds * _NS)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._wait(self._me(), self._now_ns + round(seconds * _NS), lambda: False)

    def signal(self) -> Signal:
        return _VirtualSignal(self)

    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        ready = threading.Event()
        done = self.signal()

        def body() -> None:
            with self._mutex:
                me = self._enlist()
                me.waiting = me.signalled = True  # runs when the others wait
            ready.set()
            me.baton.wait()
            try:
                target()
            finally:
                done.set()
                self._retire(me)

        thread = threading.Thread(target=body, name=name)
        thread.start()
        ready.wait()
        thread._virtual_done = done  # type: ignore[attr-defined]
        return thread

    def join(self, thread: threading.Thread, timeout_s: float) -> bool:
        done: Signal = thread._virtual_done  # type: ignore[attr-defined]
        if not done.wait(timeout_s):
            return False
        thread.join()
        return True

    # -- scheduling ------------------------------------------------------------------------------------------------

    def _enlist(self) -> _Participant:
        me = _Participant(self._count)
        self._count += 1
        self._participants.append(me)
        self._by_thread[threading.get_ident()] = me
        return me

    def _me(self) -> _Participant:
        try:
            return self._by_thread[threading.get_ident()]
        except KeyError:
            name = threading.current_thread().name
            raise RuntimeError(f"thread {name!r} waits on a virtual clock that did not spawn it") from None

    def _retire(self, me: _Participant) -> None:
        with self._mutex:
            self._participants.remove(me)
            del self._by_thread[threading.get_ident()]
            self._pass_baton()

    def _wait(self, me: _Participant, deadline_ns: int | None, met: Callable[[], bool]) -> bool:
        """Give the baton away until `met()` or the deadline; the caller is `me` and holds the baton."""
        with self._mutex:
            while not met():
                if deadline_ns is not None and self._now_ns >= deadline_ns:
                    return False
                me.waiting, me.signalled, me.deadline_ns = True, False, deadline_ns
                me.baton.clear()
                self._pass_baton()
                self._mutex.release()
                try:
                    me.baton.wait()
                finally:
                    self._mutex.acquire()
                if self._dead is not None:
                    raise VirtualDeadlock(str(self._dead))
        return True

    def _pass_baton(self) -> None:
        chosen = self._choose()
        if chosen is None:
            return
        chosen.waiting = False
        chosen.baton.set()

    def _choose(self) -> _Participant | None:
        if any(not p.waiting for p in self._participants):
            return None  # somebody still runs (only while threads are being started)
        for participant in self._participants:
            if participant.signalled:
                return participant
        timed = [p for p in self._participants if p.deadline_ns is not None]
        if not timed:
            if self._participants:
                self._dead = VirtualDeadlock("every participant waits without a deadline")
                for participant in self._participants:
                    participant.baton.set()
            return None
        chosen = min(timed, key=lambda p: (p.deadline_ns or 0, p.order))
        self._now_ns = max(self._now_ns, chosen.deadline_ns or 0)
        return chosen

    def _notify(self, participants: list[_Participant]) -> None:
        with self._mutex:
            for participant in participants:
                participant.signalled = True


class _VirtualSignal:
    """A flag whose waiters take their turn by the virtual clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._set = False
        self._waiters: list[_Participant] = []

    def set(self) -> None:
        self._set = True
        self._clock._notify(self._waiters)

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout_s: float | None) -> bool:
        clock = self._clock
        me = clock._me()
        deadline_ns = None if timeout_s is None else clock.now_ns() + round(timeout_s * _NS)
        self._waiters.append(me)
        try:
            return clock._wait(me, deadline_ns, self.is_set)
        finally:
            self._waiters.remove(me)


class _VirtualSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type,unused-ignore]
    """Turns the event loop's idle wait into a wait on the virtual clock."""

    clock: VirtualClock
    wake: Signal

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        # Rounded up: a timer that looks again a fraction of a nanosecond early would look for ever.
        self.wake.wait(None if timeout is None else math.ceil(timeout * _NS) / _NS)
        self.wake.clear()
        return super().select(0)  # type: ignore[no-any-return,unused-ignore]


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the virtual clock's."""

    def __init__(self, clock: VirtualClock) -> None:
        selector = _VirtualSelector()
        selector.clock, selector.wake = clock, clock.signal()
        self._virtual = selector
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual.clock.now_ns() / _NS

    def _write_to_self(self) -> None:
        super()._write_to_self()  # type: ignore[misc]
        self._virtual.wake.set()


def run_virtual(clock: VirtualClock, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on an event loop in virtual time; blocks the calling thread, which owns the clock."""
    loop = _VirtualLoop(clock)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            _cancel_leftovers(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_leftovers(loop: asyncio.AbstractEventLoop) -> None:
    leftovers = asyncio.all_tasks(loop)
    for task in leftovers:
        task.cancel()
    if leftovers:
        loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())


def _begun(clock: Clock, name: str, work: Callable[[], T]) -> tuple[threading.Thread, asyncio.Future[T]]:
    """The thread that does it, and where its result comes; a result that nobody waits for any more is dropped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", result))

    def body() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed to the awaiting task, whatever it is
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    return clock.spawn(name, body), future
