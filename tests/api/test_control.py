"""ControlService over a real socket."""

from __future__ import annotations

import asyncio
import math
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from agent.client import AgentClient, RpcFailed
from agent.domain.budget import Budget
from agent.errors import BadInput, Infeasible
from agent.pb.ofa_agent.v1 import control_pb2, types_pb2
from tests.api.harness import run, serving
from tests.support.alarms import clear_alarm, raise_alarm
from tests.support.fake_control import FakeControl


def test_a_budget_without_a_ttl_is_a_manual_claim(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, control_pb2.SetBudgetResponse]:
        async with serving(tmp_path) as rig:
            answer = await rig.client.set_budget(max_latency_ms=50, min_accuracy=0.9, client="plc")
        return rig.control, answer

    control, answer = run(scenario())
    assert control.calls == [("set_budget", "plc", Budget(50.0, None, 0.9, 0.99), None, True)]
    assert (answer.claim.client, answer.claim.kind) == ("plc", types_pb2.CLAIM_KIND_MANUAL)
    assert not answer.claim.HasField("ttl")
    assert not answer.claim.HasField("remaining")
    assert (answer.swap_id, answer.effective.id) == ("swap-1", "budget-2")
    assert list(answer.effective.claim_ids) == [answer.claim.id]
    assert answer.decision.text


def test_a_budget_with_a_ttl_is_a_lease(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, control_pb2.SetBudgetResponse]:
        async with serving(tmp_path) as rig:
            answer = await rig.client.set_budget(
                "station-1", parts_per_minute=900, quantile=0.95, ttl_s=2.5, allow_infeasible=False
            )
        return rig.control, answer

    control, answer = run(scenario())
    assert control.calls == [("set_budget", "tester", Budget(None, 900.0, None, 0.95), 2.5, False)]
    assert answer.claim.kind == types_pb2.CLAIM_KIND_LEASE
    assert answer.claim.ttl.ToTimedelta().total_seconds() == 2.5


def test_no_swap_has_no_swap_id(tmp_path: Path) -> None:
    async def scenario() -> control_pb2.SetBudgetResponse:
        async with serving(tmp_path, FakeControl(swap_expected=False)) as rig:
            return await rig.client.set_budget(max_latency_ms=50)

    assert not run(scenario()).HasField("swap_id")


def test_a_client_that_gives_no_name_is_named_after_its_user(tmp_path: Path) -> None:
    async def scenario() -> FakeControl:
        async with serving(tmp_path) as rig:
            await rig.client.set_budget(max_latency_ms=50, client="")
        return rig.control

    assert run(scenario()).calls[0][1] == pwd.getpwuid(os.getuid()).pw_name


BAD: list[tuple[str, dict[str, Any]]] = [
    *[("budget.max_latency_ms", {"max_latency_ms": value}) for value in (math.nan, math.inf, 0.0, -1.0, 600_001.0)],
    *[("budget.parts_per_minute", {"parts_per_minute": value}) for value in (math.nan, math.inf, 0.0, -5.0, 1e6)],
    *[("budget.min_accuracy", {"max_latency_ms": 5.0, "min_accuracy": value}) for value in (math.nan, 0.0, 1.5)],
    *[("budget.quantile", {"max_latency_ms": 5.0, "quantile": value}) for value in (math.nan, 0.0, 0.49, 1.0)],
]


def test_a_bad_budget_names_its_field_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, list[tuple[str, list[str]]]]:
        found = []
        async with serving(tmp_path) as rig:
            for _, bounds in BAD:
                for call in (rig.client.set_budget, rig.client.explain):
                    with pytest.raises(RpcFailed) as caught:
                        await call(**bounds)
                    found.append((caught.value.code, [violation.field for violation in caught.value.violations]))
        return rig.control, found

    control, found = run(scenario())
    assert control.calls == []
    assert found == [("INVALID_ARGUMENT", [field]) for field, _ in BAD for _ in range(2)]


def test_a_budget_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            for bounds in ({}, {"min_accuracy": 0.5}):
                with pytest.raises(RpcFailed) as caught:
                    await rig.client.set_budget(**bounds)  # type: ignore[arg-type]
                assert [violation.field for violation in caught.value.violations] == ["budget"]
        assert rig.control.calls == []
        return caught.value

    error = run(scenario())
    assert error.reason == "INVALID_ARGUMENT"


TTLS = [Duration(), Duration(nanos=499_999_999), Duration(seconds=-1), Duration(seconds=604_800, nanos=1)]


def test_a_ttl_out_of_bounds_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            for ttl in TTLS:
                request = control_pb2.SetBudgetRequest(budget=types_pb2.Budget(max_latency_ms=5), ttl=ttl)
                with pytest.raises(RpcFailed) as caught:
                    await rig.client._control("SetBudget", request, control_pb2.SetBudgetResponse)
                assert [violation.field for violation in caught.value.violations] == ["ttl"]
            assert rig.control.calls == []
            for seconds in (0.5, 604_800):
                await rig.client.set_budget(max_latency_ms=5, ttl_s=seconds)

    run(scenario())


@pytest.mark.parametrize("name", ["x" * 129, "two\nlines", "bell\a"])
def test_a_bad_client_name_is_refused(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            for call in (rig.client.set_budget(max_latency_ms=5, client=name), rig.client.renew_budget(client=name)):
                with pytest.raises(RpcFailed) as caught:
                    await call
                assert [violation.field for violation in caught.value.violations] == ["client"]
            assert rig.control.calls == []

    run(scenario())


def test_an_infeasible_budget_that_must_be_met_is_a_failed_precondition(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(
            tmp_path, FakeControl(error=Infeasible("no sub-net meets 1 ms; the fastest takes 9"))
        ) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.set_budget(max_latency_ms=1, allow_infeasible=False)
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "INFEASIBLE_BUDGET")
    assert str(error) == "no sub-net meets 1 ms; the fastest takes 9"


def test_a_lease_is_renewed_and_released_by_its_client(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, str, bool]:
        async with serving(tmp_path) as rig:
            first = await rig.client.set_budget(max_latency_ms=5, ttl_s=1)
            renewed = await rig.client.renew_budget()
            released = await rig.client.release_budget()
            again = await rig.client.release_budget()
        assert first.claim.id == renewed.claim.id
        assert released == again
        return rig.control, released.effective.id, released.HasField("swap_id")

    control, effective, swaps = run(scenario())
    assert [call[0] for call in control.calls] == ["set_budget", "renew_budget", "release_budget", "release_budget"]
    assert (effective, swaps) == ("budget-2", True)


def test_renewing_what_is_not_held_is_refused(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.renew_budget()
        return caught.value

    assert run(scenario()).code == "INVALID_ARGUMENT"


def test_an_acknowledged_alarm_lets_its_camera_try_again(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, types_pb2.Alarm]:
        async with serving(tmp_path) as rig:
            raised = await raise_alarm(rig.journal, "station-1", "swap_failed", "acknowledge")
            answer = await rig.client.acknowledge_alarm(raised.id)
        return rig.control, answer.alarm

    control, alarm = run(scenario())
    assert control.calls == [("acknowledge", "swap_failed tester")]
    assert (alarm.id, alarm.acknowledged_by, alarm.HasField("cleared_at")) == (1, "tester", False)


def test_an_alarm_of_the_agent_itself_touches_no_camera(tmp_path: Path) -> None:
    async def scenario() -> FakeControl:
        async with serving(tmp_path) as rig:
            raised = await raise_alarm(rig.journal, "", "journal", "disk full")
            await rig.client.acknowledge_alarm(raised.id)
        return rig.control

    assert run(scenario()).calls == []


def test_an_alarm_whose_cause_is_gone_touches_no_camera(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, types_pb2.Alarm]:
        async with serving(tmp_path) as rig:
            raised = await raise_alarm(rig.journal, "station-1", "camera_lost", "unplugged")
            await clear_alarm(rig.journal, raised)
            answer = await rig.client.acknowledge_alarm(raised.id)
        return rig.control, answer.alarm

    control, alarm = run(scenario())
    assert control.calls == []
    assert (alarm.acknowledged_by, alarm.HasField("cleared_at")) == ("tester", True)


def test_an_unknown_alarm_is_not_found(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.acknowledge_alarm(99)
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason) == ("NOT_FOUND", "ALARM_NOT_FOUND")


def test_a_change_comes_to_its_end_though_its_client_hangs_up(tmp_path: Path) -> None:
    async def scenario() -> FakeControl:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            async with AgentClient(rig.path, name="hasty") as hasty:
                call = asyncio.ensure_future(hasty.set_budget(max_latency_ms=5))
                await control.entered.wait()
                call.cancel()
            assert control.gate is not None
            control.gate.set()
        return control

    assert "hasty" in run(scenario()).claims


def test_a_change_that_fails_after_its_client_hung_up_is_nobodys(tmp_path: Path) -> None:
    async def scenario() -> None:
        control = FakeControl(gate=asyncio.Event(), error=BadInput("x", "y"))
        async with serving(tmp_path, control) as rig:
            async with AgentClient(rig.path) as hasty:
                call = asyncio.ensure_future(hasty.set_budget(max_latency_ms=5))
                await control.entered.wait()
                call.cancel()
            assert control.gate is not None
            control.gate.set()

    run(scenario())
