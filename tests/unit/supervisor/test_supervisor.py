"""The reconcile loop in virtual time on a scripted camera: desires in, swaps, states and alarms out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.clock import VirtualClock
from agent.domain.alarms import HOLD_OFF_S
from agent.domain.budget import Budget, Priority
from agent.domain.decision import Action
from agent.domain.device import EventKind
from agent.domain.journal import Activation, SwapOutcome, SwapRecord
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.errors import BadInput, CameraGone, CameraTimeout, Infeasible, JournalError, UploadFailed
from agent.supervisor import Supervisor
from tests.support.fake_camera import INFO
from tests.support.ladders import LadderSource, blob
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import SETTINGS, Bench, until


def test_the_most_accurate_net_that_fits_the_default_budget_is_started() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        snapshot = supervisor.snapshot()
        assert snapshot.verified
        assert (snapshot.generation, snapshot.budget.priority) == (bench.camera.generation, Priority.DEFAULT)

    bench.run(story)
    assert bench.camera.calls[-1] == "disconnect"
    (row,) = bench.journal.rows.values()
    assert (row.outcome, row.reason, row.active_subnet) == (SwapOutcome.VERIFIED, "initial", "large")


def test_a_tighter_budget_swaps_at_once_and_the_answer_names_the_swap() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        outcome = await supervisor.set_budget("plc", Budget(parts_per_minute=1800.0), 600.0, True)
        assert outcome.swap_expected
        await until(supervisor, CameraState.ACTIVE, "small")
        assert bench.journal.rows[str(outcome.swap_id)].to_subnet == "small"
        assert bench.journal.rows[str(outcome.swap_id)].budget_id == outcome.effective.id

    bench.run(story)


def test_a_looser_budget_waits_for_the_dwell() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(parts_per_minute=1800.0), 600.0, True)
        await until(supervisor, CameraState.ACTIVE, "small")
        started_s = bench.clock.now_ns() / 1e9
        held = await supervisor.release_budget("plc")
        assert held.decision.action is Action.HOLD
        assert held.swap_id is None
        await until(supervisor, CameraState.ACTIVE, "large")
        assert bench.clock.now_ns() / 1e9 - started_s >= SETTINGS.min_dwell_s

    bench.run(story)


def test_an_expired_lease_is_replaced_by_the_fail_safe_within_a_quarter_second_and_never_early() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 2.0, True)
        await asyncio.sleep(1.99)
        assert not supervisor.snapshot().budget.fail_safe
        await asyncio.sleep(0.26)
        assert supervisor.snapshot().budget.fail_safe
        assert supervisor.snapshot().budget.budget == SETTINGS.fail_safe_budget
        assert [why for _, why in bench.journal.dropped] == ["expired"]
        assert "lease_expired" in bench.alarms()
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 600.0, True)
        await asyncio.sleep(1.0)
        assert not supervisor.snapshot().budget.fail_safe
        assert "lease_expired" not in bench.alarms()

    bench.run(story)


def test_a_renewed_lease_holds_whatever_the_wall_clock_does() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 2.0, True)
        for step_s in (3600.0, -7200.0, 5.0, 0.0):
            bench.clock.step_wall(step_s)
            await asyncio.sleep(1.5)
            await supervisor.renew_budget("plc")
        assert not supervisor.snapshot().budget.fail_safe

    bench.run(story)


def test_an_acknowledgement_lifts_the_fail_safe() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 1.0, True)
        await asyncio.sleep(2.0)
        with pytest.raises(BadInput, match="no lease"):
            await supervisor.renew_budget("plc")
        await supervisor.acknowledge("infeasible", "engineer")
        assert supervisor.snapshot().budget.fail_safe  # another alarm than the lease's lifts nothing
        await supervisor.acknowledge("lease_expired", "engineer")
        assert supervisor.snapshot().budget.priority is Priority.DEFAULT

    bench.run(story)


def test_another_boot_ends_a_lease() -> None:
    bench = Bench()

    async def first(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 600.0, True)

    async def second(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().budget.fail_safe

    bench.run(first)
    bench.boot_id = "boot-2"
    bench.clock = VirtualClock()
    bench.run(second)


async def fail_the_best(supervisor: Supervisor, bench: Bench) -> None:
    """The swap from the smallest to the best network fails once."""
    await supervisor.set_budget("plc", Budget(parts_per_minute=1800.0), 3000.0, True)
    await until(supervisor, CameraState.ACTIVE, "small")
    bench.camera.fail = {("upload", 2): UploadFailed("write failed", -1010)}
    await supervisor.release_budget("plc")
    await asyncio.sleep(5.0)


def test_a_failed_swap_keeps_the_old_net_raises_an_alarm_and_is_tried_again_after_quarantine() -> None:
    bench = Bench(settings=replace(SETTINGS, min_dwell_s=0.0))

    async def story(supervisor: Supervisor) -> None:
        await fail_the_best(supervisor, bench)
        snapshot = supervisor.snapshot()
        assert "swap_failed" in {alarm.key for alarm in bench.journal.known_alarms}
        assert snapshot.active_subnet == "middle"  # the next best, while the best is quarantined
        await asyncio.sleep(SETTINGS.quarantine_s)
        assert supervisor.snapshot().active_subnet == "large"
        assert "swap_failed" not in bench.alarms()

    bench.run(story)


def test_a_pin_tries_a_quarantined_sub_net_at_once_and_one_that_is_refused_does_not() -> None:
    bench = Bench(settings=replace(SETTINGS, min_dwell_s=0.0))

    async def story(supervisor: Supervisor) -> None:
        await fail_the_best(supervisor, bench)
        bench.journal.broken = True
        with pytest.raises(JournalError):
            await supervisor.pin("hmi", "large")
        bench.journal.broken = False
        await asyncio.sleep(5.0)
        assert supervisor.snapshot().active_subnet == "middle"
        await supervisor.pin("hmi", "large")
        await asyncio.sleep(5.0)
        assert supervisor.snapshot().active_subnet == "large"

    bench.run(story)


def test_a_damaged_blob_is_refused_without_stopping_the_line() -> None:
    bench = Bench(source=LadderSource(broken={"large"}))

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "middle")
        await asyncio.sleep(120.0)
        assert supervisor.snapshot().active_subnet == "middle"

    bench.run(story)
    assert bench.camera.calls.count("upload") == 1
    assert [row.outcome for row in bench.journal.rows.values()] == [SwapOutcome.REFUSED, SwapOutcome.VERIFIED]


def test_a_faulted_camera_waits_for_the_acknowledgement_and_then_recovers() -> None:
    bench = Bench()
    bench.camera.fail = {("upload", 1): UploadFailed("no")} | {("stop", n): UploadFailed("no") for n in (2, 3)}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.FAULTED)
        await asyncio.sleep(300.0)
        assert supervisor.snapshot().state is CameraState.FAULTED
        assert not supervisor.snapshot().verified
        assert {"camera_faulted", "swap_failed"} <= bench.alarms()
        await supervisor.acknowledge("camera_faulted", "engineer")
        await until(supervisor, CameraState.ACTIVE)
        await asyncio.sleep(1.0)
        assert "camera_faulted" not in bench.alarms()

    bench.run(story)
    assert [alarm.count for alarm in bench.journal.known_alarms if alarm.key == "camera_faulted"] == [1]


def test_a_lost_camera_is_connected_again_with_back_off_and_its_network_taken_over() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        bench.camera.info = replace(INFO, network_bytes=len(blob("large")), network_name="large")
        bench.camera.fail = {("connect", n): CameraGone("not on the bus") for n in (2, 3)}
        bench.camera.emit(EventKind.LOST, "unplugged")
        await until(supervisor, CameraState.DISCONNECTED)
        assert "camera_lost" in bench.alarms()
        await until(supervisor, CameraState.ACTIVE, "large")
        assert "camera_lost" in bench.alarms()  # it has to stay connected first
        await asyncio.sleep(HOLD_OFF_S + 1.0)
        assert "camera_lost" not in bench.alarms()

    bench.run(story)
    assert bench.camera.calls.count("connect") == 4
    assert bench.camera.calls.count("upload") == 1  # taken over by its golden image, not uploaded again


@pytest.mark.parametrize(
    ("name", "size", "sha256", "adopted"),
    [
        ("large", len(blob("large")), "l" * 64, True),
        (None, len(blob("large")), "l" * 64, True),
        ("small", len(blob("large")), "l" * 64, False),
        ("large", 1, "l" * 64, False),
        ("large", len(blob("large")), "x" * 64, False),
    ],
)
def test_a_restart_takes_over_only_what_journal_library_and_camera_agree_on(
    name: str | None, size: int, sha256: str, adopted: bool
) -> None:
    bench = Bench(journal=MemoryJournal(generation=5))
    bench.journal.activations["station-1"] = Activation("station-1", 5, "large", sha256)
    bench.camera.info = replace(INFO, network_bytes=size, network_name=name)
    bench.camera.blob = blob("large")

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        assert (supervisor.snapshot().generation or 0) > 5

    bench.run(story)
    assert ("upload" not in bench.camera.calls) is adopted


def test_a_taken_over_network_that_fails_its_golden_image_is_installed_anew() -> None:
    bench = Bench(journal=MemoryJournal(generation=5))
    bench.journal.activations["station-1"] = Activation("station-1", 5, "large", "l" * 64)
    bench.camera.info = replace(INFO, network_bytes=len(blob("large")), network_name="large")
    bench.camera.blob = blob("large")
    bench.camera.fail = {("self_test", 1): UploadFailed("wrong answer")}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")

    bench.run(story)
    assert bench.camera.calls.count("upload") == 1


def test_a_swap_that_died_with_the_daemon_is_never_taken_over() -> None:
    bench = Bench()
    bench.journal.rows["dead"] = SwapRecord("dead", "station-1", "small", "large", "budget", "b", 0)
    bench.camera.info = replace(INFO, network_bytes=len(blob("large")), network_name="large")
    bench.camera.blob = blob("large")

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")

    bench.run(story)
    assert bench.camera.calls.count("upload") == 1


def test_an_infeasible_budget_that_the_client_does_not_accept_changes_nothing() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        with pytest.raises(Infeasible):
            await supervisor.set_budget("plc", Budget(max_latency_ms=5.0), 60.0, False)
        assert supervisor.snapshot().claims == ()
        assert bench.journal.known_claims == {}

    bench.run(story)


def test_an_accepted_infeasible_budget_runs_the_nearest_net_and_says_so() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(parts_per_minute=6000.0), 600.0, True)
        await until(supervisor, CameraState.ACTIVE, "small")
        await asyncio.sleep(1.0)
        assert supervisor.snapshot().degraded == (Degraded.INFEASIBLE,)
        assert "infeasible" in bench.alarms()
        await supervisor.set_budget("plc", Budget(parts_per_minute=60.0), 600.0, True)
        await until(supervisor, CameraState.ACTIVE, "large")
        await asyncio.sleep(HOLD_OFF_S + 1.0)
        assert "infeasible" not in bench.alarms()

    bench.run(story)


@pytest.mark.parametrize(
    ("budget", "ttl_s"),
    [
        (Budget(max_latency_ms=0.0), 60.0),
        (Budget(max_latency_ms=float("nan")), 60.0),
        (Budget(parts_per_minute=-1.0), 60.0),
        (Budget(max_latency_ms=50.0, quantile=1.0), 60.0),
        (Budget(), 60.0),
        (Budget(max_latency_ms=50.0), 0.1),
        (Budget(max_latency_ms=50.0), float("nan")),
    ],
)
def test_a_bad_budget_changes_nothing(budget: Budget, ttl_s: float) -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        before = supervisor.snapshot().budget
        with pytest.raises(BadInput):
            await supervisor.set_budget("plc", budget, ttl_s, True)
        assert supervisor.snapshot().budget == before

    bench.run(story)


def test_a_claim_that_cannot_be_written_down_is_not_in_force() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        bench.journal.broken = True
        with pytest.raises(JournalError):
            await supervisor.set_budget("plc", Budget(parts_per_minute=1800.0), 600.0, True)
        await asyncio.sleep(10.0)
        assert supervisor.snapshot().active_subnet == "large"
        bench.journal.broken = False

    bench.run(story)


def test_without_a_library_the_camera_idles_and_streams() -> None:
    bench = Bench(source=None)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.IDLE)
        await asyncio.sleep(2.0)
        assert bench.camera.streaming
        assert bench.camera.generation is None

    bench.run(story)


def test_measured_latency_over_the_budget_steps_down() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", Budget(parts_per_minute=900.0), 3000.0, True)
        await until(supervisor, CameraState.ACTIVE, "large")
        for n in range(400):
            await asyncio.sleep(0.067)
            if supervisor.snapshot().active_subnet == "large" and bench.camera.streaming:
                bench.camera.deliver(n * 67_000_000, 75.0, 140.0)
        await until(supervisor, CameraState.ACTIVE, "middle")

    bench.run(story)
    assert [row.reason for row in bench.journal.rows.values()] == ["initial", "measured_latency"]


def test_results_are_named_and_the_gap_is_measured() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        feed = supervisor.result_feed(10)
        bench.camera.deliver(1_000_000_000, 45.0, 60.0)
        outcome = await supervisor.set_budget("plc", Budget(parts_per_minute=1800.0), 600.0, True)
        assert supervisor.snapshot().latency is not None
        await until(supervisor, CameraState.ACTIVE, "small")
        assert supervisor.snapshot().latency is None  # the figures of another sub-net are not this one's
        await asyncio.sleep(1.0)
        bench.camera.deliver(3_500_000_000, 16.0, 40.0)
        first, second = await feed.next(1.0), await feed.next(1.0)
        feed.close()
        assert first is not None
        assert second is not None
        assert (first.subnet_id, second.subnet_id) == ("large", "small")
        assert second.budget_id == outcome.effective.id != first.budget_id
        assert bench.journal.gaps == {outcome.swap_id: 2.5}

    bench.run(story)


def test_a_swap_shows_its_stages_to_watchers() -> None:
    bench = Bench()
    stages: list[SwapStage] = []

    async def story(supervisor: Supervisor) -> None:
        original = bench.camera._called

        def spy(call: str) -> None:
            swap = supervisor.snapshot().swap
            if swap is not None:
                stages.append(swap.stage)
            original(call)

        bench.camera._called = spy  # type: ignore[method-assign]
        await until(supervisor, CameraState.ACTIVE, "large")

    bench.run(story)
    wanted = [SwapStage.STOPPING, SwapStage.UPLOADING, SwapStage.ACTIVATING, SwapStage.VERIFYING]
    assert list(dict.fromkeys(stages)) == wanted


def test_a_full_disk_stops_neither_the_line_nor_the_fail_safe() -> None:
    """Leases end and alarms hold in memory while the journal cannot be written."""
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 2.0, True)
        bench.journal.broken = True
        await asyncio.sleep(3.0)
        assert supervisor.snapshot().budget.fail_safe
        assert supervisor.snapshot().state is CameraState.ACTIVE
        bench.camera.emit(EventKind.STALLED, "no frame for 2 s")
        await until(supervisor, CameraState.DISCONNECTED)
        bench.journal.broken = False
        await until(supervisor, CameraState.ACTIVE)

    bench.run(story)


def test_a_camera_whose_thread_hangs_is_lost_and_the_agent_still_stops() -> None:
    """Its state stayed ACTIVE, and the end of the agent was an error that was not told of any more."""
    bench = Bench()
    bench.camera.fail = {("disconnect", n): CameraTimeout("hangs") for n in (1, 2, 3)}
    ended: list[Supervisor] = []

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE)
        bench.camera.emit(EventKind.LOST, "unplugged")
        await until(supervisor, CameraState.DISCONNECTED)
        assert "camera_lost" in bench.alarms()
        ended.append(supervisor)

    bench.run(story)
    assert ended[0].stopped.is_set()


def test_a_fault_of_our_own_lets_go_of_the_camera_and_begins_anew() -> None:
    bench = Bench()
    bench.camera.fail = {("upload", 1): ZeroDivisionError("a fault of ours")}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.DISCONNECTED)
        await until(supervisor, CameraState.ACTIVE, "large")
        assert "internal" in {alarm.key for alarm in bench.journal.known_alarms}

    bench.run(story)


def test_health_that_cannot_be_read_is_no_reason_to_stop_and_a_gone_camera_is() -> None:
    bench = Bench()
    bench.camera.fail = {("health", 1): UploadFailed("unreadable"), ("health", 3): CameraGone("pulled")}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await asyncio.sleep(1.5)
        assert supervisor.snapshot().state is CameraState.ACTIVE
        await until(supervisor, CameraState.DISCONNECTED)
        await until(supervisor, CameraState.ACTIVE, "large")

    bench.run(story)
