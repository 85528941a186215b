"""Processes of the demo: each in its own group with its own log, all ended and reaped whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from agent.errors import AgentError

END_TIMEOUT_S = 10.0
_LOG_TAIL = 5


class ChildFailed(AgentError):
    """A process of the demo ended when it should not have."""

    reason = "CHILD_FAILED"


@dataclass(frozen=True, slots=True)
class Child:
    """A started process; `log` has its stderr, and its stdout where that is not read here."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def check(self) -> None:
        """Raise ChildFailed where it has ended."""
        if self.process.returncode is not None:
            raise ChildFailed(f"{self.name} ended with {self.process.returncode}: {tail(self.log)}")

    async def lines(self) -> AsyncIterator[str]:
        """Its stdout, line by line, until it ends; raises ChildFailed where it ended with a failure."""
        if self.process.stdout is None:
            return
        async for line in self.process.stdout:
            yield line.decode(errors="replace").strip()
        await self.process.wait()
        if self.process.returncode:
            self.check()


class Children:
    """Use as `async with Children(folder) as children`. Owner of every process it started."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[Child] = []

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not leave a process behind: the ending is shielded and awaited to its end.
        ending = asyncio.ensure_future(self._end_all())
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ending)

    async def start(self, name: str, command: Sequence[str], read_stdout: bool = False) -> Child:
        """Start `command` in a process group of its own."""
        log = self._log_folder / f"{name}.log"
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read_stdout else stream,
                stderr=stream,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._running.append(child)
        return child

    async def _end_all(self) -> None:
        """Last started first, so that nobody loses what it talks to."""
        for child in reversed(self._running):
            await _end(child)
        self._running.clear()


def tail(log: Path) -> str:
    """The last lines of a log on one line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " / ".join(line.strip() for line in lines[-_LOG_TAIL:] if line.strip()) or "it said nothing"


async def _end(child: Child) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(child.process.pid, sent)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(child.process.wait(), END_TIMEOUT_S)
            break
    _signal_group(child.process.pid, signal.SIGKILL)  # whatever it started and left


def _signal_group(pid: int, sent: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sent)
