"""The live table from its first answer to Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from agent.cli.connection import Connection, follow
from agent.cli.exits import DONE
from agent.cli.fit import glyphs_for
from agent.cli.interrupts import Insistence
from agent.cli.live.feed import Feed
from agent.cli.live.table import Head, lines
from agent.cli.live.terminal import Terminal

if TYPE_CHECKING:
    from agent.client import AgentClient

ANSWER_S = 3.0  # the daemon answers within milliseconds; one that takes longer is lost, or a slow line away
CLOCK_S = 1.0  # the time on the screen goes on while nothing else changes
REST_S = 0.2  # between two drawings: five a second at most
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def show(connection: Connection, camera: str) -> int:
    """A table of this camera, or of all. Raises DaemonUnreachable, CallFailed before it takes the screen, and after."""
    terminal = Terminal(sys.stdout)

    async def stream(client: AgentClient) -> int:
        await _show(client, camera, terminal)
        return DONE

    insist = Insistence(before_end=terminal.restore)
    return follow(connection, stream, timeout_s=ANSWER_S, insist=insist, signals=_ENDING)


async def _show(client: AgentClient, camera: str, terminal: Terminal) -> None:
    wake = asyncio.Event()
    feed = Feed(client, camera, wake.set)
    await feed.first()
    glyphs = glyphs_for(sys.stdout.encoding)
    asking = asyncio.create_task(feed.run(), name="watch-ask")
    asking.add_done_callback(lambda _: wake.set())
    try:
        with terminal, _resized(terminal, wake.set):
            while not asking.done():
                wake.clear()
                size = terminal.size
                head = Head(client.target, datetime.now(timezone.utc))
                terminal.draw(lines(feed.reading, head, size.columns, size.lines, glyphs), size)
                await _first_of(wake, CLOCK_S)
                await asyncio.sleep(REST_S)
        await asking
    finally:
        asking.cancel()
        await asyncio.wait({asking})


async def _first_of(wake: asyncio.Event, most_s: float) -> None:
    """Until it is set, or for so long."""
    waiting = asyncio.ensure_future(wake.wait())
    try:
        await asyncio.wait({waiting}, timeout=most_s)
    finally:
        waiting.cancel()


@contextmanager
def _resized(terminal: Terminal, wake: Callable[[], None]) -> Iterator[None]:
    """Draw anew in another size, leave the terminal to the shell on Ctrl-Z, and take it again."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        terminal.restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        terminal.resume()  # SIGCONT has come
        wake()

    handlers = {signal.SIGWINCH: wake, signal.SIGTSTP: stop}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
