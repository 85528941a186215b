"""A line that stands until the camera is ready for its change, in virtual time on a scripted camera."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision
from agent.domain.device import ProgressFn
from agent.domain.line import View
from agent.domain.notice import ChangeState
from agent.domain.states import CameraState
from agent.errors import BadInput, UploadFailed
from agent.supervisor import Supervisor
from tests.support.fake_camera import FakeCamera
from tests.unit.supervisor.bench import FAST, NO_DWELL, SLOW, Bench, states, tell, until, until_state


@dataclass
class SlowCamera(FakeCamera):
    """Takes its time to upload."""

    upload_s: float = 2.0

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        await asyncio.sleep(self.upload_s)
        await super().upload_network(blob, deadline_s, progress)


def test_a_line_that_waits_counts_as_stopped_until_the_camera_is_ready_and_then_runs() -> None:
    bench = Bench()
    stopped: list[tuple[ChangeState, bool]] = []

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        policy = supervisor._policy
        assert policy is not None
        decide = policy.decide

        def spy(view: View) -> Decision:
            if supervisor._changes.changes():
                stopped.append((supervisor._changes.changes()[0].state, view.demand.stopped))
            return decide(view)

        policy.decide = spy  # type: ignore[method-assign]
        await tell(supervisor, FAST, 60.0, 600.0)
        await asyncio.sleep(1.0)
        answer = await supervisor.commit_budget("plc", "p-1", waits=True)
        assert answer.change.state is ChangeState.WAITING
        assert answer.effective.budget == FAST  # whatever its time was
        assert answer.decision.action is Action.SWAP
        assert answer.swap_id is not None
        await until_state(supervisor, ChangeState.READY)
        assert supervisor.snapshot().active_subnet == "small"
        assert supervisor.snapshot().state is CameraState.ACTIVE
        await asyncio.sleep(1.0)
        assert states(supervisor) == [ChangeState.READY]  # until the client's next change
        await supervisor.set_budget("plc", FAST, 600.0, True)
        assert states(supervisor) == []

    bench.run(story)
    assert set(stopped) == {
        (ChangeState.PREPARED, False),
        (ChangeState.WAITING, True),
        (ChangeState.READY, False),
    }


def test_a_camera_that_runs_the_right_network_already_is_ready_without_a_swap() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, SLOW, 0.0)
        answer = await supervisor.commit_budget("plc", "p-1", waits=True)
        assert answer.swap_id is None
        await until_state(supervisor, ChangeState.READY)

    bench.run(story)
    assert bench.camera.calls.count("upload") == 1


def test_a_camera_is_not_ready_while_it_still_swaps_for_another_budget() -> None:
    bench = Bench(camera=SlowCamera(), settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, None, True)
        await until(supervisor, CameraState.SWAPPING)
        await asyncio.sleep(1.0)
        await tell(supervisor, SLOW, 0.0)
        await supervisor.commit_budget("plc", "p-1", waits=True)
        await asyncio.sleep(0.5)
        assert (states(supervisor), supervisor.snapshot().state) == ([ChangeState.WAITING], CameraState.SWAPPING)
        await until_state(supervisor, ChangeState.READY)
        snapshot = supervisor.snapshot()
        assert (snapshot.state, snapshot.verified, snapshot.swap) == (CameraState.ACTIVE, True, None)

    bench.run(story)
    assert bench.camera.calls.count("upload") >= 2


def test_a_swap_that_fails_while_the_line_waits_ends_in_the_next_best_network_and_ready() -> None:
    bench = Bench()
    bench.camera.fail = {("upload", 2): UploadFailed("write failed", -1010)}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, Budget(parts_per_minute=1100.0), 0.0)
        answer = await supervisor.commit_budget("plc", "p-1", waits=True)
        assert answer.decision.target == "middle"
        await until_state(supervisor, ChangeState.READY)
        snapshot = supervisor.snapshot()
        assert (snapshot.active_subnet, snapshot.verified) == ("small", True)

    bench.run(story)
    assert "swap_failed" in {alarm.key for alarm in bench.journal.known_alarms}


def test_a_report_that_the_line_runs_ends_its_wait_if_it_is_younger_than_the_commit() -> None:
    bench = Bench()
    bench.camera.fail = {("connect", n): UploadFailed("no camera") for n in range(1, 50)}

    async def story(supervisor: Supervisor) -> None:
        await supervisor.report_line("plc", False, 600.0, 60.0)
        await tell(supervisor, FAST, 0.0)
        await supervisor.commit_budget("plc", "p-1", waits=True)
        await asyncio.sleep(0.5)
        assert supervisor._desire.now(None).stopped
        await supervisor.report_line("scada", True, None, 60.0)
        assert supervisor._desire.now(None).stopped
        await supervisor.report_line("scada", False, None, 60.0)
        assert not supervisor._desire.now(None).stopped
        assert states(supervisor) == [ChangeState.WAITING]

    bench.run(story)


def test_a_change_for_its_time_may_be_committed_again_to_wait_and_twice_is_once() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, FAST, 30.0)
        for _ in range(2):
            await supervisor.commit_budget("plc", "p-1", waits=False)
        await supervisor.commit_budget("plc", "p-1", waits=True)
        await until_state(supervisor, ChangeState.READY)
        with pytest.raises(BadInput):
            await supervisor.commit_budget("plc", "p-1", waits=False)  # it is in force
        await tell(supervisor, SLOW, 30.0, name="p-2")
        assert states(supervisor) == [ChangeState.PREPARED]  # the client's newest

    bench.run(story)
    assert {claim.budget for claim in bench.journal.known_claims.values()} == {FAST, SLOW}


def test_a_restart_forgets_that_the_line_waits_and_still_tells_when_the_camera_is_ready() -> None:
    bench = Bench()
    bench.camera.fail = {("connect", 1): UploadFailed("no camera")}

    async def first(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 0.0)
        await supervisor.commit_budget("plc", "p-1", waits=True)
        assert states(supervisor) == [ChangeState.WAITING]

    async def second(supervisor: Supervisor) -> None:
        await until_state(supervisor, ChangeState.WAITING)
        assert not supervisor._desire.now(None).stopped
        await until_state(supervisor, ChangeState.READY)
        assert supervisor.snapshot().active_subnet == "small"

    bench.run(first)
    bench.run(second)
