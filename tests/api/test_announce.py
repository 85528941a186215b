"""What a line tells the agent, over a real socket: reports, announced changes, and how the status shows them."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent.client import RpcFailed
from agent.domain.budget import Budget
from agent.domain.decision import Account, Action, Decision, Figure, Reason
from agent.domain.notice import AnnouncedChange, ChangeState, LineReport, LineState
from agent.domain.snapshot import ComingCause, ComingSwap
from agent.errors import JournalError
from agent.pb.ofa_agent.v1 import control_pb2, types_pb2
from tests.api.harness import run, serving
from tests.support.fake_control import DECISION, FakeControl

ID = "7f9c24e5-2f3b-4d5c-9a11-0c5e5c1f6b2a"


def two() -> tuple[FakeControl, FakeControl]:
    return FakeControl("station-1"), FakeControl("station-2")


def test_a_report_tells_the_camera_and_answers_what_it_makes_of_the_line(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, control_pb2.ReportLineResponse]:
        async with serving(tmp_path) as rig:
            answer = await rig.client.report_line(stopped=True, ttl_s=2.5, client="plc")
            await rig.client.report_line(stopped=False, parts_per_minute=900, client="plc")
        return rig.control, answer

    control, answer = run(scenario())
    assert control.calls == [
        ("report_line", "plc", True, None, 2.5),
        ("report_line", "plc", False, 900.0, None),
    ]
    (told,) = answer.cameras
    assert (told.camera, told.line.stopped, told.line.reports[0].client) == ("station-1", True, "plc")
    assert not told.line.HasField("parts_per_minute")
    assert told.decision.text


def test_a_change_is_prepared_and_committed_under_the_id_that_was_given(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, control_pb2.PrepareBudgetResponse, control_pb2.CommitBudgetResponse]:
        async with serving(tmp_path) as rig:
            told = await rig.client.prepare_budget(parts_per_minute=1500, due_in_s=5, ttl_s=60, client="plc")
            done = await rig.client.commit_budget(told.prepared_id, wait_for_ready=True, client="plc")
        return rig.control, told, done

    control, told, done = run(scenario())
    assert control.calls == [
        ("prepare_budget", "plc", told.prepared_id, Budget(None, 1500.0), 60.0, 5.0),
        ("commit_budget", "plc", told.prepared_id, True),
    ]
    (change,) = told.changes
    assert (change.subnet_id, change.expected_accuracy, change.feasible, change.swap_needed) == (
        "w1-big", 0.93, True, True,
    )  # fmt: skip
    assert change.change.state == types_pb2.CHANGE_STATE_PREPARED
    assert change.expected_gap.ToTimedelta().total_seconds() == change.wait.ToTimedelta().total_seconds() == 2.5
    assert 0 < change.ready_at.ToNanoseconds() / 1e9 - time.time() <= 5.0
    assert change.waiting_subnet_id == "w1-huge"
    assert done.changes[0].change.state == types_pb2.CHANGE_STATE_WAITING
    assert done.changes[0].swap_id == "swap-1"


def test_a_change_that_does_not_wait_starts_no_swap(tmp_path: Path) -> None:
    async def scenario() -> control_pb2.CommitBudgetResponse:
        async with serving(tmp_path) as rig:
            told = await rig.client.prepare_budget(parts_per_minute=1500)
            return await rig.client.commit_budget(told.prepared_id)

    (change,) = run(scenario()).changes
    assert change.change.state == types_pb2.CHANGE_STATE_COMMITTED
    assert not change.HasField("swap_id")


def test_a_group_is_told_camera_by_camera(tmp_path: Path) -> None:
    async def scenario() -> list[list[str]]:
        async with serving(tmp_path, *two()) as rig:
            reported = await rig.client.report_line(group="line-1", stopped=True)
            told = await rig.client.prepare_budget(group="line-1", parts_per_minute=1500)
            done = await rig.client.commit_budget(told.prepared_id, group="line-1")
        return [
            [one.camera for one in reported.cameras],
            [one.camera for one in told.changes],
            [one.camera for one in done.changes],
        ]

    assert run(scenario()) == [["station-1", "station-2"]] * 3


@pytest.mark.parametrize(
    ("names", "code", "reason"),
    [
        ({"group": "line-9"}, "NOT_FOUND", "GROUP_NOT_FOUND"),
        ({"group": "line-1", "camera": "station-1"}, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ({"camera": "station-9"}, "NOT_FOUND", "CAMERA_NOT_FOUND"),
        ({}, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ],
)
def test_what_names_no_camera_is_refused_and_changes_nothing(
    tmp_path: Path, names: dict[str, str], code: str, reason: str
) -> None:
    async def scenario() -> None:
        first, second = two()
        async with serving(tmp_path, first, second) as rig:
            camera, group = names.get("camera", ""), names.get("group", "")
            for call in (
                rig.client.report_line(camera, group=group, stopped=True),
                rig.client.prepare_budget(camera, group=group, max_latency_ms=5),
                rig.client.commit_budget("x", camera, group=group),
            ):
                with pytest.raises(RpcFailed) as caught:
                    await call
                assert (caught.value.code, caught.value.reason) == (code, reason)
        assert first.calls == second.calls == []

    run(scenario())


def test_an_announced_change_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.commit_budget("none")
        return caught.value

    error = run(scenario())
    assert (error.code, [violation.field for violation in error.violations]) == ("INVALID_ARGUMENT", ["prepared_id"])


def test_a_moment_of_the_hosts_clock_is_taken_as_a_time_from_now(tmp_path: Path) -> None:
    async def scenario() -> list[float]:
        async with serving(tmp_path) as rig:
            for ahead_s in (30, -5):
                at = Timestamp()
                at.FromNanoseconds(time.time_ns() + ahead_s * 1_000_000_000)
                request = control_pb2.PrepareBudgetRequest(budget=types_pb2.Budget(max_latency_ms=5), due_at=at)
                await rig.client._control("PrepareBudget", request, control_pb2.PrepareBudgetResponse)
        return [call[-1] for call in rig.control.calls if isinstance(call[-1], float)]

    first, second = run(scenario())
    assert 0.0 <= 30.0 - first < 25.0
    assert second == 0.0


def test_a_time_out_of_bounds_is_refused_by_its_name(tmp_path: Path) -> None:
    def at(seconds: int) -> Timestamp:
        return Timestamp(seconds=int(time.time()) + seconds)

    bad: list[tuple[str, control_pb2.PrepareBudgetRequest]] = [
        ("due_in", control_pb2.PrepareBudgetRequest(due_in=Duration(seconds=-1))),
        ("due_in", control_pb2.PrepareBudgetRequest(due_in=Duration(seconds=86_401))),
        ("due_at", control_pb2.PrepareBudgetRequest(due_at=at(-120))),
        ("due_at", control_pb2.PrepareBudgetRequest(due_at=at(90_000))),
        ("ttl", control_pb2.PrepareBudgetRequest(ttl=Duration(nanos=1))),
    ]

    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            for field, request in bad:
                request.budget.max_latency_ms = 5
                with pytest.raises(RpcFailed) as caught:
                    await rig.client._control("PrepareBudget", request, control_pb2.PrepareBudgetResponse)
                assert [violation.field for violation in caught.value.violations] == [field]
            for bounds in ({"max_latency_ms": math.nan}, {"min_accuracy": 0.5}):
                with pytest.raises(RpcFailed):
                    await rig.client.prepare_budget(**bounds)  # type: ignore[arg-type]
        assert rig.control.calls == []

    run(scenario())


def test_the_same_request_id_prepares_and_commits_once(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, bool]:
        async with serving(tmp_path) as rig:
            told = [await rig.client.prepare_budget(max_latency_ms=5, request_id=ID) for _ in range(2)]
            with pytest.raises(RpcFailed) as caught:
                await rig.client.prepare_budget(max_latency_ms=6, request_id=ID)
            assert caught.value.code == "INVALID_ARGUMENT"
        return len(rig.control.calls), told[0] == told[1]

    assert run(scenario()) == (1, True)


def test_a_change_that_cannot_be_written_down_may_be_sent_again(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path, FakeControl(error=JournalError("journal: disk full"))) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.prepare_budget(max_latency_ms=5)
        return caught.value

    error = run(scenario())
    assert (error.code, error.retry_after_s) == ("UNAVAILABLE", 1.0)


def test_the_status_shows_the_line_what_is_announced_and_the_swap_that_is_foreseen(tmp_path: Path) -> None:
    async def scenario() -> types_pb2.CameraStatus:
        async with serving(tmp_path) as rig:
            boot_ns, now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.monotonic_ns()
            later = boot_ns + 20_000_000_000
            rig.control.change(
                line=LineState(True, 600.0, (LineReport("plc", True, 600.0, boot_ns, later),)),
                changes=(AnnouncedChange("p-1", "plc", ChangeState.COMMITTED, Budget(40.0), 60.0, later),),
                coming=ComingSwap(
                    "w1-huge", now_ns / 1e9 + 10.0, 2.5, Reason.BUDGET, ComingCause.ANNOUNCED_CHANGE, "later"
                ),
            )
            return (await rig.client.get_status()).cameras[0]

    status = run(scenario())
    assert (status.line.stopped, status.line.parts_per_minute) == (True, 600.0)
    assert 0 < status.line.reports[0].remaining.ToTimedelta().total_seconds() <= 20
    (change,) = status.changes
    assert (change.prepared_id, change.client, change.budget.max_latency_ms) == ("p-1", "plc", 40.0)
    assert 0 < change.due_in.ToTimedelta().total_seconds() <= 20
    assert abs(change.due_at.ToNanoseconds() / 1e9 - time.time() - 20) < 20
    coming = status.coming_swap
    assert (coming.to_subnet_id, coming.reason, coming.text) == ("w1-huge", "budget", "later")
    assert coming.cause == types_pb2.COMING_SWAP_CAUSE_ANNOUNCED_CHANGE
    assert 0 < coming.starts_in.ToTimedelta().total_seconds() <= 10
    assert coming.ready_at.ToNanoseconds() - coming.starts_at.ToNanoseconds() == 2_500_000_000


def test_a_start_that_is_open_has_no_time(tmp_path: Path) -> None:
    async def scenario() -> types_pb2.CameraStatus:
        async with serving(tmp_path) as rig:
            rig.control.change(coming=ComingSwap("w1-huge", None, 2.5, Reason.MEASURED, ComingCause.MEASURING, ""))
            return (await rig.client.get_status()).cameras[0]

    coming = run(scenario()).coming_swap
    assert not any(coming.HasField(field) for field in ("starts_at", "starts_in", "ready_at"))


def test_figures_of_a_decision_come_with_words(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str, float, str, str]]:
        candidates = tuple(replace(c, figures=(Figure("value", 12.0, "parts/s"),)) for c in DECISION.candidates)
        account = Account(candidates, DECISION.text, (Figure("dwell", 81.23456, "s"),))
        held = Decision(Action.HOLD, Reason.DWELL, "w1-huge", "w1-big", DECISION.budget, True, account, 1e12)
        async with serving(tmp_path) as rig:
            rig.control.change(decision=held)
            told = (await rig.client.get_status()).cameras[0].decision
        assert told.HasField("starts_in")
        return [(f.name, f.value, f.unit, f.text) for f in (*told.figures, *told.candidates[0].figures)]

    assert run(scenario()) == [("dwell", 81.23456, "s", "81.23 s"), ("value", 12.0, "parts/s", "12 parts/s")]


def test_accuracy_and_quantile_can_be_tried_alone(tmp_path: Path) -> None:
    async def scenario() -> FakeControl:
        async with serving(tmp_path) as rig:
            await rig.client.explain(min_accuracy=0.9)
            await rig.client.explain(parts_per_minute=900)
        return rig.control

    assert run(scenario()).calls == [
        ("explain", Budget(80.0, None, 0.9)),
        ("explain", Budget(None, 900.0)),
    ]
