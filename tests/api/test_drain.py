"""Work that races the end of the server."""

from __future__ import annotations

import asyncio

import pytest

from agent.api.drain import Drain
from agent.api.errors import Rejected
from tests.api.harness import run


class Work:
    """Waits for ever and knows whether it was stopped."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.stopped = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped = True


def test_the_end_stops_the_work_and_says_unavailable() -> None:
    async def scenario() -> None:
        drain, work = Drain(), Work()
        racing = asyncio.ensure_future(drain.race(work()))
        await work.begun.wait()
        drain.begin()
        drain.begin()
        with pytest.raises(Rejected, match="ending"):
            await racing
        assert work.stopped

    run(scenario())


def test_a_cancelled_race_stops_the_work_and_stays_cancelled() -> None:
    async def scenario() -> None:
        drain, work = Drain(), Work()
        racing = asyncio.ensure_future(drain.race(work()))
        await work.begun.wait()
        racing.cancel()
        await asyncio.wait({racing})
        assert racing.cancelled()
        assert work.stopped

    run(scenario())


def test_work_that_ends_first_is_answered_or_raised() -> None:
    async def fails() -> None:
        raise KeyError("work")

    async def scenario() -> None:
        drain = Drain()
        assert await drain.race(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(KeyError):
            await drain.race(fails())

    run(scenario())


def test_nothing_begins_after_the_end() -> None:
    async def scenario() -> None:
        drain = Drain()
        drain.begin()
        with pytest.raises(Rejected):
            drain.check()
        with pytest.raises(Rejected):
            await drain.race(asyncio.sleep(0))

    run(scenario())


def test_the_end_is_told_to_whoever_still_wants_to_hear_of_it() -> None:
    async def scenario() -> list[str]:
        drain, told = Drain(), []
        with drain.ending(lambda: told.append("over before")):
            pass
        with drain.ending(lambda: told.append("first")), drain.ending(lambda: told.append("second")):
            drain.begin()
            drain.begin()
        with drain.ending(lambda: told.append("late")):
            pass
        return told

    assert run(scenario()) == ["first", "second", "late"]


def test_the_end_waits_for_calls_but_not_for_those_that_have_left() -> None:
    async def scenario() -> tuple[bool, bool]:
        drain, gate = Drain(), asyncio.Event()

        async def call(leaves: bool) -> None:
            drain.enter()
            if leaves:
                drain.leave()
            await gate.wait()

        stays, left = asyncio.ensure_future(call(False)), asyncio.ensure_future(call(True))
        await asyncio.sleep(0)
        ended = asyncio.ensure_future(drain.ended(60.0))
        await asyncio.sleep(0)
        waited = not ended.done()
        stays.cancel()
        await ended
        still_there = not left.done()
        gate.set()
        await left
        return waited, still_there

    assert run(scenario()) == (True, True)
