"""Modes, pins, rollback, permits and inhibitions on a whole supervisor in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.clock import VirtualClock
from agent.domain.budget import Budget, ClaimKind, Priority
from agent.domain.decision import Action, Reason
from agent.domain.orders import Mode, Window
from agent.domain.schedule import ScheduleEntry
from agent.domain.states import CameraState, Degraded
from agent.errors import BadInput, CameraBusy, JournalError, ModeForbids, NoPrevious, Stale
from agent.supervisor import Supervisor
from tests.unit.supervisor.bench import FAST, NO_DWELL, SETTINGS, Bench, until

ACTIVE = CameraState.ACTIVE


async def rest(supervisor: Supervisor, seconds: float = 1.0) -> None:
    """Let the loop have some turns."""
    await asyncio.sleep(seconds)
    assert supervisor.snapshot().state is ACTIVE


def test_a_pin_outranks_the_budget_tells_that_it_breaks_it_and_is_kept_over_a_restart() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, None, True)
        await until(supervisor, ACTIVE, "small")
        told = await supervisor.pin("anna", "large")
        assert (told.decision.action, told.decision.reason) == (Action.SWAP, Reason.PINNED)
        assert told.operation is not None
        await until(supervisor, ACTIVE, "large")
        await rest(supervisor)
        assert Degraded.OVER_BUDGET in supervisor.snapshot().degraded
        assert "pin_over_budget" in bench.alarms()

    async def second(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await rest(supervisor)
        told = await supervisor.unpin("anna")
        assert told.orders.pin is None
        await until(supervisor, ACTIVE, "small")
        await asyncio.sleep(30.0)
        assert "pin_over_budget" not in bench.alarms()

    bench.run(first)
    bench.clock = VirtualClock()
    bench.run(second)


def test_a_pin_does_not_wait_for_the_dwell() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        started_ns = bench.clock.now_ns()
        await supervisor.pin("anna", "small")
        await until(supervisor, ACTIVE, "small")
        assert (bench.clock.now_ns() - started_ns) / 1e9 < 1.0 < SETTINGS.min_dwell_s

    bench.run(story)


def test_a_rollback_goes_back_and_stays_there() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        with pytest.raises(NoPrevious, match="no other sub-net"):
            await supervisor.rollback("anna")
        await until(supervisor, ACTIVE, "large")
        with pytest.raises(NoPrevious):
            await supervisor.rollback("anna")
        await supervisor.set_budget("plc", FAST, None, True)
        await until(supervisor, ACTIVE, "small")
        told = await supervisor.rollback("anna")
        assert told.orders.pin is not None
        assert (told.orders.pin.subnet_id, told.orders.pin.rollback) == ("large", True)
        await until(supervisor, ACTIVE, "large")
        await rest(supervisor, 10.0)
        assert supervisor.snapshot().active_subnet == "large"

    bench.run(story)


def test_a_pin_of_what_is_not_there_is_refused_and_changes_nothing() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        etag = supervisor.etag
        with pytest.raises(BadInput, match="'huge' is not in the library"):
            await supervisor.pin("anna", "huge")
        assert supervisor.etag == etag

    bench.run(story)


def test_in_manual_leases_are_stored_and_expire_with_their_alarm_and_nothing_swaps() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_mode("anna", Mode.MANUAL)
        held = await supervisor.set_budget("plc", FAST, 5.0, True)
        assert (held.decision.action, held.decision.reason) == (Action.HOLD, Reason.MODE)
        assert held.swap_id is None
        await rest(supervisor, 6.0)
        now = supervisor.snapshot()
        assert now.budget.fail_safe
        assert "lease_expired" in bench.alarms()
        assert (now.active_subnet, now.swaps_total) == ("large", 1)
        await supervisor.pin("anna", "small")
        await until(supervisor, ACTIVE, "small")
        await supervisor.set_mode("anna", Mode.AUTO)
        await supervisor.acknowledge("lease_expired", "anna")
        await supervisor.unpin("anna")
        await until(supervisor, ACTIVE, "large")

    bench.run(story)


def test_an_override_at_the_machine_swaps_in_every_mode_and_just_ends() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_mode("anna", Mode.MANUAL)
        await supervisor.set_budget("anna", FAST, 10.0, True, ClaimKind.LOCAL_OVERRIDE)
        await until(supervisor, ACTIVE, "small")
        assert supervisor.snapshot().budget.priority is Priority.LOCAL_OVERRIDE
        await asyncio.sleep(11.0)
        now = supervisor.snapshot()
        assert (now.budget.priority, now.budget.fail_safe, now.claims) == (Priority.DEFAULT, False, ())
        assert not bench.alarms() & {"lease_expired"}

    bench.run(story)


def test_a_claim_of_maintenance_needs_the_mode_and_outranks_manual_claims_in_it() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        with pytest.raises(ModeForbids, match="set the mode first"):
            await supervisor.set_budget("anna", FAST, None, True, ClaimKind.MAINTENANCE)
        await supervisor.set_mode("anna", Mode.MAINTENANCE)
        await supervisor.set_budget("bert", Budget(max_latency_ms=300.0), None, True)
        await supervisor.set_budget("anna", FAST, None, True, ClaimKind.MAINTENANCE)
        await until(supervisor, ACTIVE, "small")
        assert supervisor.snapshot().budget.priority is Priority.MAINTENANCE

    bench.run(story)


def test_in_manual_a_camera_that_lost_its_network_gets_the_same_back() -> None:
    bench = Bench(settings=NO_DWELL)

    async def first(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, None, True)
        await until(supervisor, ACTIVE, "small")
        await supervisor.set_mode("anna", Mode.MANUAL)
        await supervisor.release_budget("plc")
        await rest(supervisor)

    async def second(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "small")
        assert Reason.RECOVERY.value in {row.reason for row in bench.journal.rows.values()}

    bench.run(first)
    bench.camera.info = replace(bench.camera.info, network_bytes=0, network_name=None)  # power was lost
    bench.camera.blob = bench.camera.enabled = None
    bench.clock = VirtualClock()
    bench.run(second)


def test_an_inhibition_holds_even_the_fail_safe_with_an_alarm_until_it_is_taken_back() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.inhibit_swap("robot", None, "arm is inside")
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 2.0, True)
        await rest(supervisor, 3.0)
        now = supervisor.snapshot()
        assert now.budget.fail_safe
        assert now.decision is not None
        assert (now.decision.action, now.decision.reason) == (Action.HOLD, Reason.INHIBITED)
        assert now.active_subnet == "large"
        assert "swap_inhibited" in bench.alarms()
        assert now.coming is not None
        assert not now.settled
        await supervisor.permit_swap("plc", None)  # of another client: takes nothing back
        await rest(supervisor)
        await supervisor.permit_swap("robot", None, lift_only=True)
        await until(supervisor, ACTIVE, "small")
        await asyncio.sleep(30.0)
        assert "swap_inhibited" not in bench.alarms()

    bench.run(story)


def test_an_inhibition_outlives_a_restart_and_ends_by_its_ttl_or_with_the_boot() -> None:
    bench = Bench(settings=NO_DWELL)

    async def inhibits(supervisor: Supervisor) -> None:
        await supervisor.inhibit_swap("robot", 20.0, "")
        await supervisor.inhibit_swap("door", None, "open")

    async def still(supervisor: Supervisor) -> None:
        assert [one.client for one in supervisor.snapshot().orders.inhibits] == ["door", "robot"]
        await asyncio.sleep(21.0)
        assert [one.client for one in supervisor.snapshot().orders.inhibits] == ["door"]
        assert supervisor.snapshot().active_subnet is None
        await supervisor.permit_swap("somebody", None, everyone=True)
        await until(supervisor, ACTIVE, "large")

    async def booted(supervisor: Supervisor) -> None:
        assert [one.client for one in supervisor.snapshot().orders.inhibits] == ["door"]

    bench.run(inhibits)
    bench.run(still)
    bench.run(inhibits)
    bench.boot_id = "boot-2"
    bench.run(booted)


def test_a_window_of_permits_lets_one_swap_begin_for_each() -> None:
    bench = Bench(settings=replace(NO_DWELL, window=Window.PERMIT))

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")  # an empty camera loses nothing
        await supervisor.set_budget("plc", FAST, None, True)
        await rest(supervisor, 5.0)
        now = supervisor.snapshot()
        assert now.decision is not None
        assert (now.active_subnet, now.decision.reason) == ("large", Reason.WINDOW)
        told = await supervisor.permit_swap("plc", 10.0)
        assert told.operation is not None
        await until(supervisor, ACTIVE, "small")
        assert supervisor.snapshot().permit_boot_ns is None
        await supervisor.release_budget("plc")
        await rest(supervisor, 5.0)
        assert supervisor.snapshot().active_subnet == "small"

    bench.run(story)


def test_a_permit_ends_by_itself() -> None:
    bench = Bench(settings=replace(NO_DWELL, window=Window.PERMIT))

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.permit_swap("plc", 2.0)
        await rest(supervisor, 2.5)
        await supervisor.set_budget("plc", FAST, None, True)
        await rest(supervisor, 5.0)
        assert supervisor.snapshot().active_subnet == "large"

    bench.run(story)


def test_a_window_of_stops_swaps_in_the_next_stop_and_the_fail_safe_at_once() -> None:
    bench = Bench(settings=replace(NO_DWELL, window=Window.LINE_STOPPED))

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, None, True)
        await rest(supervisor, 5.0)
        assert supervisor.snapshot().active_subnet == "large"
        await supervisor.report_line("plc", True, None, 5.0)
        await until(supervisor, ACTIVE, "small")
        await supervisor.release_budget("plc")
        await supervisor.report_line("plc", False, None, 60.0)
        await supervisor.pin("anna", "large")
        await rest(supervisor, 5.0)
        assert supervisor.snapshot().active_subnet == "small"
        await supervisor.report_line("plc", True, None, 5.0)
        await until(supervisor, ACTIVE, "large")
        await supervisor.unpin("anna")
        await supervisor.report_line("plc", False, None, 60.0)
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 1.0, True)
        await asyncio.sleep(1.3)
        await until(supervisor, ACTIVE, "small")

    bench.run(story)


@pytest.mark.parametrize("ttl_s", [0.4, 7 * 86_400.0 + 1.0, float("nan")])
def test_an_inhibition_out_of_bounds_is_refused(ttl_s: float) -> None:
    async def story(supervisor: Supervisor) -> None:
        with pytest.raises(BadInput, match="ttl"):
            await supervisor.inhibit_swap("plc", ttl_s, "")
        with pytest.raises(BadInput, match="why"):
            await supervisor.inhibit_swap("plc", None, "two\nlines")
        with pytest.raises(BadInput, match="ttl"):
            await supervisor.permit_swap("plc", ttl_s)
        assert supervisor.snapshot().orders.inhibits == ()

    Bench().run(story)


def test_orders_that_cannot_be_written_down_are_not_in_force() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        etag = supervisor.etag
        bench.journal.broken = True
        for order in (
            supervisor.set_mode("anna", Mode.MANUAL),
            supervisor.pin("anna", "small"),
            supervisor.inhibit_swap("anna", None, ""),
        ):
            with pytest.raises(JournalError):
                await order
        assert supervisor.etag == etag

    bench.run(story)


def test_the_fail_safe_outlives_a_restart_and_a_new_lease_ends_it() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 1.0, True)
        await asyncio.sleep(2.0)
        assert supervisor.snapshot().budget.fail_safe

    async def second(supervisor: Supervisor) -> None:
        assert supervisor.snapshot().budget.fail_safe
        assert "lease_expired" in bench.alarms()
        await supervisor.set_budget("robot", Budget(max_latency_ms=300.0), 600.0, True)
        assert not supervisor.snapshot().budget.fail_safe

    async def third(supervisor: Supervisor) -> None:
        assert not supervisor.snapshot().budget.fail_safe

    bench.run(first)
    bench.run(second)
    bench.run(third)


def test_the_etag_names_what_is_asked_and_a_stale_one_is_refused() -> None:
    bench = Bench()
    seen: dict[str, str] = {}

    async def first(supervisor: Supervisor) -> None:
        empty = supervisor.etag
        await supervisor.set_budget("plc", FAST, 100.0, True)
        held = supervisor.etag
        await asyncio.sleep(1.0)
        await supervisor.renew_budget("plc")
        assert supervisor.etag == held
        await supervisor.inhibit_swap("robot", None, "")
        assert len({empty, held, supervisor.etag}) == 3
        with pytest.raises(Stale, match=held):
            async with supervisor.writing(held):
                pytest.fail("written on a stale etag")
        async with supervisor.writing(supervisor.etag):
            pass
        await supervisor.permit_swap("robot", None)
        assert supervisor.etag == held
        seen["held"], seen["empty"] = held, empty

    async def second(supervisor: Supervisor) -> None:
        assert supervisor.etag == seen["held"]
        await supervisor.release_budget("plc")
        assert supervisor.etag == seen["empty"]

    bench.run(first)
    bench.run(second)


def test_a_command_does_not_wait_for_ever_for_those_before_it() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        async with supervisor.writing():
            started_ns = bench.clock.now_ns()
            with pytest.raises(CameraBusy, match="under way for 5 s"):
                async with supervisor.writing():
                    pytest.fail("two at once")
            assert (bench.clock.now_ns() - started_ns) / 1e9 == pytest.approx(5.0, abs=0.01)
        async with supervisor.writing():
            pass

    bench.run(story)


def test_the_schedule_holds_while_nobody_asks_and_follows_the_wall_clock() -> None:
    clock = VirtualClock(start_wall_ns=1_700_000_000_000_000_000)  # 2023-11-14 22:13:20 UTC
    entries = (
        ScheduleEntry("0 22 * * *", "UTC", Budget(max_latency_ms=350.0)),
        ScheduleEntry("15 22 * * *", "UTC", FAST),
    )
    bench = Bench(settings=replace(NO_DWELL, schedule=entries), clock=clock)

    async def story(supervisor: Supervisor) -> None:
        now = supervisor.snapshot().budget
        assert (now.priority, now.budget.max_latency_ms) == (Priority.SCHEDULE, 350.0)
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 1000.0, True)
        assert supervisor.snapshot().budget.priority is Priority.LEASE
        await supervisor.release_budget("plc")
        await asyncio.sleep(101.0)
        assert supervisor.snapshot().budget.budget == FAST
        await until(supervisor, ACTIVE, "small")
        clock.step_wall(-600.0)
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().budget.budget.max_latency_ms == 350.0

    bench.run(story)
