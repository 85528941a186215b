"""Plays and judges histories, one after another on one event loop, and tells how a failed one is repeated."""

from __future__ import annotations

import asyncio
import gc
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import grpc

from tests.stateful.play import Player
from tests.stateful.program import Program, program_of
from tests.stateful.promises import judge
from tests.stateful.record import Broken
from tests.stateful.world import Makers
from tests.support.leaks import Descriptors, open_descriptors

HISTORY_S = 90.0
SETTLE_S = 5.0  # for gRPC's own threads to let go of what is closed
_FOLDER = memory if (memory := Path("/dev/shm")).is_dir() else None


@dataclass
class Tally:
    """What was played. `failures`: by seed, in words."""

    histories: int = 0
    calls: int = 0
    runs: int = 0
    searches: int = 0  # for one order of a camera's calls
    largest_search: int = 0  # in states
    failures: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        played = f"{self.histories} histories, {self.calls} calls, {self.runs} runs of the agent"
        searched = f"{self.searches} searches of at most {self.largest_search} states"
        return f"{played}, {searched}, {len(self.failures)} failed"


@contextmanager
def quiet() -> Iterator[None]:
    """The agent's log, which tells of every crash and fault that is played, would hide what matters here."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


async def play(program: Program, makers: Makers | None = None) -> Player:
    """One history, played, judged and found to have left nothing behind; raises Broken."""
    tasks, descriptors = asyncio.all_tasks(), open_descriptors()
    with tempfile.TemporaryDirectory(prefix="ofa-", dir=_FOLDER) as name:
        player = Player(program, Path(name), makers)
        try:
            with anyio.fail_after(HISTORY_S):
                await player.play()
        except TimeoutError:
            raise Broken(f"the history did not come to its end within {HISTORY_S:g} s") from None
        judge(player.record, player.world.plates)
        await nothing_is_left(tasks, descriptors)
    return player


async def play_program(program: Program, makers: Makers | None = None) -> Player:
    """As `play`, for one history alone."""
    held = grpc.aio.insecure_channel("unix:/nowhere")  # gRPC's poller, whose descriptors are not a history's
    try:
        return await play(program, makers)
    finally:
        await held.close(None)


async def nothing_is_left(tasks: set[asyncio.Task[object]], descriptors: Descriptors) -> None:
    """No task and no descriptor more than before; raises Broken."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SETTLE_S
    while True:
        left = [task.get_name() for task in asyncio.all_tasks() - tasks]
        leaked = descriptors.leaked(open_descriptors())
        if not left and not leaked:
            return
        if loop.time() > until_s:
            raise Broken(f"nothing leaks: tasks {left} and descriptors {leaked} were left behind")
        gc.collect()
        await asyncio.sleep(0.01)


async def play_all(
    seeds: Iterable[int],
    makers: Makers | None = None,
    told: Callable[[str], None] = lambda _: None,
    most_failures: int = 1,
) -> Tally:
    """The histories of these seeds until so many have failed."""
    tally = Tally()
    held = grpc.aio.insecure_channel("unix:/nowhere")  # as above
    for seed in seeds:
        program = program_of(seed)
        tally.histories += 1
        try:
            player = await play(program, makers)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to this seed
            words = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
            tally.failures[seed] = f"seed {seed}: {words}\nrepeat: {repeat(seed)}"
            told(tally.failures[seed])
            if len(tally.failures) >= most_failures:
                break
            continue
        tally.calls += len(player.record.calls)
        tally.runs += player.world.runs
        tally.searches += len(player.record.searched)
        tally.largest_search = max(tally.largest_search, *player.record.searched)
        if tally.histories % 500 == 0:
            told(str(tally))
    await held.close(None)
    return tally


def repeat(seed: int) -> str:
    """The command that plays that seed again."""
    return f"python -m tests.stateful --seed {seed} --times 20"


async def shrunk(program: Program, times: int, makers: Makers | None = None) -> tuple[Program, str]:
    """The shortest part of a program that still fails within so many plays of it, and how; it itself if none does."""
    words = ""
    smaller: list[Program] = [program.prefix(phases) for phases in range(len(program.phases) + 1)]
    for candidate in smaller:
        words = await _fails(candidate, times, makers)
        if words:
            program = candidate
            break
    for client in range(len(program.names)):
        candidate = program.without(client)
        found = await _fails(candidate, times, makers)
        if found:
            program, words = candidate, found
    return program, words


async def _fails(program: Program, times: int, makers: Makers | None) -> str:
    for _ in range(times):
        try:
            await play(program, makers)
        except Broken as error:
            return str(error)
    return ""
