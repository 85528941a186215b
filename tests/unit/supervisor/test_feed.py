"""Bounded broadcast: who gets what, who drops, who is woken when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from agent.supervisor.feed import WAKES_AT_ONCE, Broadcast

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 20.0))


async def read_all(feed: Broadcast[int], capacity: int, items: int) -> tuple[list[int | None], int]:
    reader = feed.subscribe(capacity)
    for item in range(items):
        feed.publish(item)
    read = [await reader.next(0.001) for _ in range(min(items, capacity) + 1)]
    return read, reader.dropped


def test_a_reader_that_keeps_up_gets_everything_in_order() -> None:
    assert run(read_all(Broadcast(), 10, 10)) == ([*range(10), None], 0)


def test_a_slow_reader_loses_its_own_oldest_and_is_told_how_many() -> None:
    assert run(read_all(Broadcast(), 3, 10)) == ([7, 8, 9, None], 7)


def test_what_a_reader_does_not_want_takes_no_room_and_is_not_dropped() -> None:
    async def scenario() -> tuple[list[int | None], int]:
        feed: Broadcast[int] = Broadcast()
        reader = feed.subscribe(2, wanted=lambda item: item % 10 == 0)
        for item in range(20):
            feed.publish(item)
        return [await reader.next(0.001) for _ in range(3)], reader.dropped

    assert run(scenario()) == ([0, 10, None], 0)


def test_a_closed_reader_ends_its_wait_and_is_forgotten() -> None:
    async def scenario() -> tuple[int | None, int]:
        feed: Broadcast[int] = Broadcast()
        reader = feed.subscribe(1)
        waiting = asyncio.ensure_future(reader.next(60.0))
        await asyncio.sleep(0)
        reader.close()
        reader.close()
        return await waiting, feed.readers

    assert run(scenario()) == (None, 0)


def test_a_cancelled_wait_loses_nothing_though_it_was_woken() -> None:
    async def scenario() -> int | None:
        feed: Broadcast[int] = Broadcast()
        reader = feed.subscribe(1)
        waiting = asyncio.ensure_future(reader.next(60.0))
        await asyncio.sleep(0)
        feed.publish(5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await reader.next(0.001)

    assert run(scenario()) == 5


def test_other_work_comes_in_between_the_readers_of_one_item() -> None:
    async def scenario() -> list[int]:
        feed: Broadcast[int] = Broadcast()
        count = 5 * WAKES_AT_ONCE
        reading = [asyncio.ensure_future(feed.subscribe(1).next(60.0)) for _ in range(count)]
        await asyncio.sleep(0)
        feed.publish(1)
        feed.publish(2)  # while most are still to be woken
        done_each_turn = []
        while not all(task.done() for task in reading):
            await asyncio.sleep(0)
            done_each_turn.append(sum(task.done() for task in reading))
        assert {task.result() for task in reading} == {2}
        return [after - before for before, after in zip([0, *done_each_turn], done_each_turn, strict=False)]

    assert max(run(scenario())) == WAKES_AT_ONCE


def test_readers_that_come_and_go_while_others_are_woken_do_no_harm() -> None:
    async def scenario() -> list[int | None]:
        feed: Broadcast[int] = Broadcast()
        readers = [feed.subscribe(1) for _ in range(3 * WAKES_AT_ONCE)]
        reading = [asyncio.ensure_future(reader.next(60.0)) for reader in readers]
        await asyncio.sleep(0)
        feed.publish(1)
        readers[-1].close()  # it was to be woken last
        late = feed.subscribe(1)
        feed.publish(2)
        return [await reading[-1], await reading[0], await late.next(60.0)]

    assert run(scenario()) == [1, 2, 2]


def test_a_reader_is_never_woken_for_nothing() -> None:
    """An item that comes between the end of a wait and the turn of its task is read with the one before it."""

    async def scenario() -> list[int | None]:
        feed: Broadcast[int] = Broadcast()
        readers = [feed.subscribe(1) for _ in range(2 * WAKES_AT_ONCE)]
        heard: list[int | None] = []

        async def read(number: int) -> None:
            while True:
                item = await readers[number].next(60.0)
                heard.append(item)
                if item == 99:
                    return

        reading = [asyncio.ensure_future(read(number)) for number in range(len(readers))]
        await asyncio.sleep(0)
        for item in [*range(30), 99]:
            feed.publish(item)
            for _ in range(10 * (item % 2)):  # two at once, and then time for all to read
                await asyncio.sleep(0)
        await asyncio.gather(*reading)
        return heard

    assert None not in run(scenario())
