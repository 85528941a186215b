"""Whether there is room for what may come: tried out, told as an alarm, and taken back."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.alarms import HOLD_OFF_S
from agent.supervisor import resources
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.resources import ResourceWatch, descriptors_short, memory_short
from tests.support.memory_journal import MemoryJournal


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def test_where_there_is_room_nothing_is_missing_and_nothing_is_kept() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert (descriptors_short(), memory_short()) == ("", "")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_last_descriptors_are_missed_before_they_are_gone_and_given_back() -> None:
    used = {int(name) for name in os.listdir("/proc/self/fd")}
    free = [number for number in range(1000) if number not in used]
    with limited(resource.RLIMIT_NOFILE, free[resources.SPARE_DESCRIPTORS - 2]):
        before = len(os.listdir("/proc/self/fd"))
        assert descriptors_short().startswith("fewer than 8 descriptors are left of at most ")
        assert len(os.listdir("/proc/self/fd")) == before


def test_memory_that_cannot_be_had_is_told_with_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "SPARE_BYTES", 2**46)
    assert memory_short().startswith(f"{2**26} MiB of memory cannot be had (")
    monkeypatch.setattr(resources, "SPARE_BYTES", 64 * 2**20)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    with limited(resource.RLIMIT_AS, size):
        told = memory_short()
    assert told.startswith(f"64 MiB of memory cannot be had of at most {size // 2**20} MiB")


def test_an_alarm_stands_for_as_long_as_something_is_missing_and_says_what() -> None:
    clock, missing = VirtualClock(), ["", ""]
    book = StandingAlarms(MemoryJournal(), clock)
    watch = ResourceWatch(book.desk(""), (lambda: missing[0], lambda: missing[1]))

    async def story() -> None:
        running = asyncio.create_task(watch.run())
        serving = asyncio.create_task(book.run())
        await asyncio.sleep(1.5)
        assert book.standing("") == {}
        missing[:] = ["no descriptors", "no memory"]
        await asyncio.sleep(1.0)
        assert book.standing("") == {"resources_short": "no descriptors; no memory"}
        missing[:] = ["", ""]
        await asyncio.sleep(HOLD_OFF_S + 1.5)
        assert book.standing("") == {}
        for task in (running, serving):
            task.cancel()
        await asyncio.wait({running, serving})

    run_virtual(clock, story())
