"""A library that is older than the config allows raises an alarm and stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from agent.clock import VirtualClock, run_virtual
from agent.supervisor.alarms import StandingAlarms
from agent.supervisor.library_age import DAY_S, AgedLibrary, LibraryAge
from tests.support.memory_journal import MemoryJournal

Story = Callable[[VirtualClock, LibraryAge, StandingAlarms], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    clock = VirtualClock()
    alarms = StandingAlarms(MemoryJournal(), clock)
    age = LibraryAge(alarms.desk(""), clock)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(age.run, name="library-age")
            tasks.start_soon(alarms.run, name="alarms")
            await anyio.sleep(1)
            await story(clock, age, alarms)
            tasks.cancel_scope.cancel()

    run_virtual(clock, main())


def made(clock: VirtualClock, days_ago: float) -> AgedLibrary:
    return AgedLibrary("tiny 4", round(clock.wall_ns() / 1e9 - days_ago * DAY_S), 30.0)


def test_the_alarm_comes_on_the_day_when_the_library_is_too_old_and_goes_with_a_newer_one() -> None:
    async def story(clock: VirtualClock, age: LibraryAge, alarms: StandingAlarms) -> None:
        age.use(made(clock, 29.0))
        await anyio.sleep(DAY_S - 60)
        assert alarms.standing("") == {}
        await anyio.sleep(120)
        text = "tiny 4 was made 30 days ago, at most 30 are allowed (library.max_age_days)"
        assert alarms.standing("") == {"library_stale": text}
        age.use(made(clock, 1.0))
        await anyio.sleep(10)
        assert alarms.standing("") == {}

    play(story)


def test_a_library_is_not_too_old_where_nothing_says_how_old_it_may_be() -> None:
    async def story(clock: VirtualClock, age: LibraryAge, alarms: StandingAlarms) -> None:
        age.use(made(clock, 31.0))
        await anyio.sleep(10)
        assert list(alarms.standing("")) == ["library_stale"]
        age.use(None)
        await anyio.sleep(10)
        assert alarms.standing("") == {}

    play(story)


def test_a_clock_that_is_set_is_noticed_within_the_hour() -> None:
    async def story(clock: VirtualClock, age: LibraryAge, alarms: StandingAlarms) -> None:
        age.use(made(clock, 1.0))
        await anyio.sleep(10)
        clock.step_wall(40 * DAY_S)
        await anyio.sleep(3700)
        assert list(alarms.standing("")) == ["library_stale"]
        clock.step_wall(-60 * DAY_S)  # behind the clock of whoever made the library: nothing is known to be old
        await anyio.sleep(3700)
        assert alarms.standing("") == {}

    play(story)
