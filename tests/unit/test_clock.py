"""The virtual clock: one participant at a time, time jumps only when all wait, and always in the same order."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import anyio
import pytest

from agent.clock import Clock, Signal, SystemClock, VirtualClock, VirtualDeadlock, in_thread, run_virtual


def test_sleeping_costs_no_real_time_and_moves_every_clock_but_by_the_same_amount() -> None:
    clock = VirtualClock(start_wall_ns=5)
    clock.sleep(3600.0)
    assert clock.now_ns() == clock.boottime_ns() == 3600 * 10**9
    assert clock.wall_ns() == 5 + 3600 * 10**9


def test_a_wall_step_moves_no_other_clock() -> None:
    clock = VirtualClock(start_wall_ns=0)
    clock.step_wall(-100.0)
    assert (clock.wall_ns(), clock.now_ns()) == (-100 * 10**9, 0)


def _interleaving() -> list[tuple[str, int]]:
    clock = VirtualClock()
    seen: list[tuple[str, int]] = []

    def worker(name: str, period_s: float) -> None:
        for _ in range(4):
            clock.sleep(period_s)
            seen.append((name, clock.now_ns()))

    async def main() -> None:
        periods = (("a", 0.3), ("b", 0.2), ("c", 0.3))
        threads = [clock.spawn(name, partial(worker, name, period_s)) for name, period_s in periods]
        for _ in range(3):
            await asyncio.sleep(0.3)
            seen.append(("loop", clock.now_ns()))
        for thread in threads:
            assert clock.join(thread, 10.0)

    run_virtual(clock, main())
    return seen


def test_woken_participants_run_in_time_then_registration_order() -> None:
    seen = _interleaving()
    assert [at for _, at in seen] == sorted(at for _, at in seen)
    at_600_ms = [name for name, at in seen if at == 600_000_000]
    assert at_600_ms == ["loop", "a", "b", "c"]


def test_two_runs_interleave_alike() -> None:
    assert _interleaving() == _interleaving()


def test_a_signal_wakes_its_waiter_before_time_moves() -> None:
    clock = VirtualClock()
    signal, woken = clock.signal(), []
    thread = clock.spawn("waiter", lambda: woken.append((signal.wait(5.0), clock.now_ns())))
    clock.sleep(1.0)
    signal.set()
    assert clock.join(thread, 1.0)
    assert woken == [(True, 10**9)]


def test_a_signal_that_never_comes_ends_at_its_deadline() -> None:
    clock = VirtualClock()
    assert clock.signal().wait(2.5) is False
    assert clock.now_ns() == 2_500_000_000


def test_a_deadlock_is_an_error_not_a_hang() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlock):
        run_virtual(VirtualClock(), forever())


def test_a_thread_that_the_clock_did_not_spawn_is_told_so() -> None:
    clock, caught = VirtualClock(), []

    def intruder() -> None:
        try:
            clock.sleep(1.0)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=intruder, name="intruder")
    thread.start()
    thread.join()
    assert caught == ["thread 'intruder' waits on a virtual clock that did not spawn it"]


def test_loop_timeouts_are_virtual() -> None:
    clock = VirtualClock()

    async def main() -> int:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 7.0)
        return clock.now_ns()

    assert run_virtual(clock, main()) == 7 * 10**9


def test_a_deadline_between_two_nanoseconds_is_reached() -> None:
    clock = VirtualClock()

    async def main() -> None:
        for fraction in range(1, 8):
            with anyio.move_on_after(0.1 + fraction / 8e9) as scope:
                await asyncio.Event().wait()
            assert scope.cancelled_caught

    run_virtual(clock, asyncio.wait_for(main(), 60.0))
    assert clock.now_ns() < 10**9


@pytest.mark.parametrize("make", [SystemClock, VirtualClock])
def test_work_in_a_thread_returns_its_result_or_its_error(make: type[SystemClock] | type[VirtualClock]) -> None:
    clock: Clock = make()

    def fails() -> None:
        raise ValueError("from the thread")

    async def main() -> int:
        with pytest.raises(ValueError, match="from the thread"):
            await in_thread(clock, "fails", fails)
        return await in_thread(clock, "works", lambda: 42)

    runner = run_virtual(clock, main()) if isinstance(clock, VirtualClock) else asyncio.run(main())
    assert runner == 42


def test_the_system_clock_keeps_the_same_contract() -> None:
    clock = SystemClock()
    signal: Signal = clock.signal()
    thread = clock.spawn("setter", signal.set)
    assert signal.wait(10.0)
    assert clock.join(thread, 10.0)
    signal.clear()
    assert not signal.is_set()
    assert clock.signal().wait(0.0) is False
    before = clock.now_ns()
    clock.sleep(0.0)
    assert clock.now_ns() >= before
