"""The demo's processes, files and programs."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from agent.cli.demo.children import ChildFailed, Children, tail
from agent.cli.demo.observer import end
from agent.cli.demo.phases import SPEEDS, program
from agent.cli.demo.places import prepare
from agent.cli.demo.supply import ensure_library
from agent.config import load_config
from agent.errors import BuildError

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
# Ends neither by itself nor by SIGTERM, and has a child that would outlive it.
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True); time.sleep(600)"
)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


def test_all_children_are_ended_and_reaped_when_the_block_ends(tmp_path: Path) -> None:
    async def run() -> list[int]:
        async with Children(tmp_path) as children:
            started = [await children.start(name, SLEEPER, read_stdout=True) for name in ("a", "b")]
            for child in started:
                assert await anext_line(child.lines()) == "up"
        return [child.process.pid for child in started]

    assert not any(is_running(pid) for pid in asyncio.run(run()))


def test_a_child_that_ignores_the_request_is_killed_with_its_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.demo.children.END_TIMEOUT_S", 0.2)

    async def run() -> tuple[int, int]:
        async with Children(tmp_path) as children:
            child = await children.start("stubborn", (sys.executable, "-c", STUBBORN), read_stdout=True)
            return child.process.pid, int(await anext_line(child.lines()))

    leader, orphan = asyncio.run(run())
    assert not is_running(leader)
    assert ends(orphan)  # killed as well, but reaped by somebody else


def test_children_are_ended_when_the_demo_is_cancelled(tmp_path: Path) -> None:
    async def demo(started: asyncio.Future[int]) -> None:
        async with Children(tmp_path) as children:
            started.set_result((await children.start("a", SLEEPER)).process.pid)
            await asyncio.sleep(600)

    async def run() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(demo(started))
        pid = await started
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not is_running(asyncio.run(run()))


def test_a_child_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def run() -> None:
        async with Children(tmp_path) as children:
            command = (sys.executable, "-c", "import sys; sys.stderr.write('it broke\\n'); sys.exit(3)")
            child = await children.start("camera", command, read_stdout=True)
            with pytest.raises(ChildFailed, match="camera ended with 3: it broke"):
                async for _ in child.lines():
                    pass

    asyncio.run(run())
    assert tail(tmp_path / "none.log") == "no log"


def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            await asyncio.sleep(600)

    async def run() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await end(task)
        return task.done()

    assert asyncio.run(run())


def test_the_config_of_a_run_is_a_config_and_old_state_is_gone(tmp_path: Path) -> None:
    places = prepare(tmp_path, tmp_path / "library")
    (places.state / "old").write_text("")
    places = prepare(tmp_path, tmp_path / "library")
    config = load_config(places.config)
    assert not (places.state / "old").exists()
    assert config.api.unix_socket == places.api_socket
    assert config.cameras[0].acquisition.trigger.source == "Line0"
    places.remove_scratch()
    assert places.state.is_dir()


def test_sockets_of_a_deep_state_folder_go_to_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    places = prepare(deep, deep / "library")
    assert places.sockets != places.state
    assert len(os.fsencode(places.plant_socket)) < 100
    places.remove_scratch()
    assert not places.sockets.exists()


def test_a_folder_that_is_not_the_demos_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").write_text("")
    prepare(tmp_path, tmp_path / "library")
    assert (tmp_path / "state" / "mine").exists()


def test_a_missing_supernet_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"none\.safetensors: the demo's supernet is missing"):
        ensure_library(tmp_path, tmp_path / "none.safetensors", lambda _: None)


@pytest.mark.parametrize("seconds", [1, 20, 44, 46, 60, 120, 3600])
def test_a_program_of_any_length_has_its_swaps(seconds: float) -> None:
    orders = program(seconds)
    changes = sum(a != b and {a, b} != {SPEEDS[0], SPEEDS[-1]} for a, b in pairwise(orders.speeds))
    assert 2 <= orders.least_swaps < changes
    assert 5.0 <= orders.phase_s <= 22.5
    if seconds >= 20:
        assert orders.phase_s * len(orders.speeds) == pytest.approx(seconds)


async def anext_line(lines: object) -> str:
    async for line in lines:  # type: ignore[attr-defined]
        return str(line)
    raise AssertionError("no line came")
