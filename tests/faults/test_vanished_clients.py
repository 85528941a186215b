"""Clients that vanish: the fail-safe budget is in force and written down in time, and never before its time.

In virtual time with everything that can befall a host (tests/support/lease_stories.py), and in real time with a client
process that is killed or stopped, where the times are told and only the promise never to be early is held to.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agent.domain.orders import Mode
from tests.reliability.recorder import Reliability
from tests.stateful.soak import quiet
from tests.stateful.world import FAIL_SAFE, Setting, World
from tests.support.device_process import REPOSITORY
from tests.support.lease_stories import WITHIN_S, Story, order_amid_expiry, play

FEW = 16  # a tenth of a second each
MANY = 500
# Stories that broke the promise once: a renewal amid the expiry, and a host that slept past the end of a lease.
ONCE_BROKEN = (8, 99, 135, 162, 230)
TTL_S = 0.8
PROCESS_S = 30.0
VANISHED_BY = (signal.SIGKILL, signal.SIGSTOP)


def judge(seeds: Sequence[int], reliability: Reliability | None = None) -> list[str]:
    """What is wrong with these stories, in words."""
    wrong = []
    with quiet():
        for seed in seeds:
            told = play(seed)
            if told.early_s > 0 or told.late_s > WITHIN_S or told.written_s > WITHIN_S:
                wrong.append(f"{told} in {Story.of(seed)}")
                if reliability is not None:
                    reliability.failed(6, wrong[-1], seed)
            if reliability is not None:
                reliability.count(6, "clients", seed=f"0..{MANY - 1}")
                reliability.measured(6, "fail_safe_after_ttl_s", told.late_s, most=WITHIN_S)
    return wrong


def test_the_fail_safe_is_in_force_within_250_ms_of_the_end_of_a_lease_and_never_early() -> None:
    assert not judge(range(FEW))


def test_stories_that_broke_the_promise_once_keep_it() -> None:
    assert not judge(ONCE_BROKEN)


@pytest.mark.soak
def test_the_fail_safe_is_in_time_over_many_stories(reliability: Reliability) -> None:
    assert not judge(reliability.seeds(range(MANY)), reliability)


def test_the_stories_tell_of_everything_that_can_befall_a_lease() -> None:
    stories = [Story.of(seed) for seed in range(MANY)]
    befell = Counter(event.kind for story in stories for event in story.events)
    assert set(befell) == {"suspend", "wall", "restart", "reboot"}
    assert any(story.lost for story in stories)
    assert any(story.unheard for story in stories)
    assert any(story.frozen_s[1] - story.frozen_s[0] > story.ttl_s for story in stories)


def test_an_order_that_is_being_written_outlives_the_expiry_of_a_lease() -> None:
    assert order_amid_expiry() == (Mode.MANUAL, True)


def test_a_client_process_that_is_killed_or_stopped_holds_its_budget_for_its_ttl(
    tmp_path: Path, record_property: Callable[[str, object], None], reliability: Reliability
) -> None:
    async def both() -> list[float]:
        folders = [tmp_path / by.name for by in VANISHED_BY]
        for folder in folders:
            folder.mkdir()
        return await asyncio.gather(*map(vanish, folders, VANISHED_BY))

    with quiet():
        late_s = asyncio.run(both())
    for by, seconds in zip(VANISHED_BY, late_s, strict=True):
        record_property(f"fail_safe_after_ttl_s_{by.name}", round(seconds, 3))
        sys.stdout.write(f"{by.name}: fail-safe {seconds * 1e3:.0f} ms after the ttl of the last renewal\n")
        reliability.count(6, f"processes hit by {by.name}")
        assert seconds >= 0.0


async def vanish(folder: Path, by: signal.Signals) -> float:
    """Seconds from the end of the last renewal's ttl, counted from when it was sent, to the fail-safe in force."""
    world = World(folder, Setting())
    await world.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.leaseholder", str(world.socket), str(TTL_S),
        cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for _ in range(3):
            sent_ns = int(await asyncio.wait_for(process.stdout.readline(), PROCESS_S))
        process.send_signal(by)
        safe_ns = await asyncio.wait_for(fail_safe_ns(world), PROCESS_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        left, _ = await process.communicate()
        await world.close()
    sent_ns = max([sent_ns, *map(int, left.split())])  # it may have told of one more before it was hit
    return (safe_ns - sent_ns) / 1e9 - TTL_S


async def fail_safe_ns(world: World) -> int:
    """CLOCK_BOOTTIME when the fail-safe budget comes into force."""
    (supervisor,) = world.living.supervisors.values()
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(PROCESS_S)
            if snapshot is not None and snapshot.budget.fail_safe:
                assert snapshot.budget.budget == FAIL_SAFE
                return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    finally:
        feed.close()
