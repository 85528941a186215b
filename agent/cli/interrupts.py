"""Ctrl-C while an exchange with the daemon runs: noticed at once, and for a stream heeded for certain.

`asyncio.run` alone notices a SIGINT late that another thread took (gRPC has some) or that came just before the loop
went to sleep: nothing wakes the loop then before the next message. Measured at a daemon that was silent: 15 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from agent.cli.exits import DONE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Insistence:
    """What is done where the first cancellation of a task does not end it."""

    every_s: float = 0.25  # cancelled again: a library may lose one (asyncio.wait_for does before Python 3.12)
    at_most_s: float = 5.0  # then the process ends; only for what has nothing else to clean up than `before_end`
    before_end: Callable[[], None] | None = None


def run_interruptible(
    main: Callable[[], Coroutine[Any, Any, T]],
    insist: Insistence | None = None,
    signals: Sequence[signal.Signals] = (signal.SIGINT,),
) -> T:
    """`asyncio.run` of `main()`, which the first of `signals` cancels; raises KeyboardInterrupt where it ended so.

    A second signal raises KeyboardInterrupt wherever the program is, as in a write that nobody reads. In another
    thread than the main one there are no signals, and this is asyncio.run.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(main())
    interrupts = _Interrupts(insist, signals)

    async def watched() -> T:
        with interrupts.cancelling():
            return await main()

    try:
        return asyncio.run(watched())
    except (asyncio.CancelledError, Exception) as exc:
        # Of a stream whatever came after the signal is what the cancellation came to.
        if interrupts.count and (insist is not None or isinstance(exc, asyncio.CancelledError)):
            raise KeyboardInterrupt from None
        raise
    finally:
        interrupts.stand_down()


class _Interrupts:
    """Owner of the handlers of its signals while `cancelling`, and of the thread that ends the process at last."""

    def __init__(self, insist: Insistence | None, signals: Sequence[signal.Signals]) -> None:
        self._insist = insist
        self._signals = signals
        self._last: threading.Timer | None = None
        self._again: asyncio.TimerHandle | None = None
        self.count = 0

    @contextlib.contextmanager
    def cancelling(self) -> Iterator[None]:
        """The task of this moment is the one to cancel."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        assert task is not None
        before = {number: signal.getsignal(number) for number in self._signals}
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # of nohup, &
        for number in before:
            # The loop's handler brings the pipe that wakes it; the one on top of it counts.
            loop.add_signal_handler(number, self._cancel, loop, task)
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            if self._again is not None:
                self._again.cancel()
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def stand_down(self) -> None:
        """It has ended; the process goes on."""
        if self._last is not None:
            self._last.cancel()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt

    def _cancel(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        task.cancel()
        if self._insist is None:
            return
        if self._last is None:
            self._last = threading.Timer(self._insist.at_most_s, _end_process, (self._insist.before_end,))
            self._last.daemon = True
            self._last.start()
        self._again = loop.call_later(self._insist.every_s, self._cancel, loop, task)


def _end_process(before_end: Callable[[], None] | None) -> None:
    """Without the rest of Python's end: what hangs may hang there too, and every line was flushed when it was told."""
    if before_end is not None:
        with contextlib.suppress(OSError):
            before_end()
    os._exit(DONE)
