"""Request ids: nothing runs twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.api import ApiServer, Services
from agent.api.requests import RequestLog, canonical_id
from agent.client import AgentClient, RpcFailed
from agent.clock import SystemClock
from agent.errors import BadInput, JournalError
from agent.pb.ofa_agent.v1 import control_pb2
from tests.api.harness import CALM, Rig, run, serving
from tests.support.alarms import raise_alarm
from tests.support.fake_control import FakeControl, FakeJournal

ID = "7f0b2a3c-6f5d-4b6e-9a50-0123456789ab"

Send = Callable[[AgentClient], Awaitable[Any]]
MUTATIONS: dict[str, Send] = {
    "set_budget": lambda client: client.set_budget(max_latency_ms=50, ttl_s=30, request_id=ID),
    "renew_budget": lambda client: client.renew_budget(request_id=ID),
    "release_budget": lambda client: client.release_budget(request_id=ID),
    "acknowledge_alarm": lambda client: client.acknowledge_alarm(1, request_id=ID),
}
CALLED = {"acknowledge_alarm": "acknowledge"}


async def prepare(rig: Rig) -> None:
    """A lease to renew and an alarm to acknowledge."""
    await rig.client.set_budget(max_latency_ms=60, ttl_s=60)
    await raise_alarm(rig.journal, "station-1", "hot", "text")
    rig.control.calls.clear()


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_same_request_runs_once_and_gets_the_first_answer(tmp_path: Path, name: str) -> None:
    async def scenario() -> tuple[list[Any], FakeControl]:
        async with serving(tmp_path) as rig:
            await prepare(rig)
            answers = [await MUTATIONS[name](rig.client) for _ in range(3)]
        return answers, rig.control

    answers, control = run(scenario())
    assert [call[0] for call in control.calls] == [CALLED.get(name, name)]
    assert len({answer.SerializeToString() for answer in answers}) == 1


@pytest.mark.parametrize("name", MUTATIONS)
def test_duplicates_at_the_same_time_run_once(tmp_path: Path, name: str) -> None:
    async def scenario() -> tuple[list[Any], FakeControl]:
        async with serving(tmp_path) as rig:
            await prepare(rig)
            rig.control.gate = asyncio.Event()
            calls = [asyncio.ensure_future(MUTATIONS[name](rig.client)) for _ in range(5)]
            await rig.control.entered.wait()
            await rig.client.get_status()  # the others have come by now: one connection keeps its order
            rig.control.gate.set()
            answers = await asyncio.gather(*calls)
        return answers, rig.control

    answers, control = run(scenario())
    assert [call[0] for call in control.calls] == [CALLED.get(name, name)]
    assert len({answer.SerializeToString() for answer in answers}) == 1


def test_the_first_answer_outlives_the_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            first = await MUTATIONS["set_budget"](rig.client)
        control = FakeControl()
        again = tmp_path / "again.sock"
        services = Services({"station-1": control}, rig.journal, SystemClock())
        async with ApiServer(services, again, CALM), AgentClient(again, name="tester") as client:
            second = await MUTATIONS["set_budget"](client)
        assert first.SerializeToString() == second.SerializeToString()
        assert control.calls == []

    run(scenario())


def test_the_case_of_an_id_does_not_matter(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path) as rig:
            for request_id in (ID, ID.upper()):
                await rig.client.set_budget(max_latency_ms=50, request_id=request_id)
        return len(rig.control.calls)

    assert run(scenario()) == 1


def test_an_id_cannot_be_used_for_another_request(tmp_path: Path) -> None:
    async def scenario() -> list[list[str]]:
        found = []
        async with serving(tmp_path) as rig:
            await prepare(rig)
            await rig.client.set_budget(max_latency_ms=50, request_id=ID)
            others = [
                rig.client.set_budget(max_latency_ms=51, request_id=ID),
                rig.client.set_budget(max_latency_ms=50, request_id=ID, client="another"),
                rig.client.set_budget(max_latency_ms=50, request_id=ID, allow_infeasible=False),
                rig.client.release_budget(request_id=ID),
            ]
            for other in others:
                with pytest.raises(RpcFailed) as caught:
                    await other
                found.append([violation.field for violation in caught.value.violations])
        assert len(rig.control.calls) == 1
        return found

    assert run(scenario()) == [["request_id"]] * 4


def test_an_id_in_use_cannot_be_used_for_another_request(tmp_path: Path) -> None:
    async def scenario() -> None:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            first = asyncio.ensure_future(rig.client.set_budget(max_latency_ms=50, request_id=ID))
            await control.entered.wait()
            with pytest.raises(RpcFailed, match="used before"):
                await rig.client.set_budget(max_latency_ms=51, request_id=ID)
            assert control.gate is not None
            control.gate.set()
            await first
        assert len(control.calls) == 1

    run(scenario())


def test_without_an_id_every_request_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            request = control_pb2.SetBudgetRequest(client="plc", budget={"max_latency_ms": 50})
            for _ in range(2):
                await rig.client._control("SetBudget", request, control_pb2.SetBudgetResponse)
        assert len(rig.control.calls) == 2
        assert rig.journal.answers == {}

    run(scenario())


BAD_IDS = ["1", "not-a-uuid", str(uuid.uuid5(uuid.NAMESPACE_DNS, "x")), ID.replace("-", ""), f"{{{ID}}}", f" {ID}"]


@pytest.mark.parametrize("text", BAD_IDS)
def test_an_id_that_is_no_uuid4_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        canonical_id(text)
    assert caught.value.field == "request_id"


def test_a_malformed_id_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.set_budget(max_latency_ms=50, request_id="seven")
        assert rig.control.calls == []
        return caught.value

    assert [violation.field for violation in run(scenario()).violations] == ["request_id"]


def test_a_refused_request_may_be_sent_again_under_its_id(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path, FakeControl(error=JournalError("disk full"))) as rig:
            with pytest.raises(RpcFailed):
                await rig.client.set_budget(max_latency_ms=50, request_id=ID)
            rig.control.error = None
            await rig.client.set_budget(max_latency_ms=50, request_id=ID)
        return len(rig.control.calls)

    assert run(scenario()) == 2


def test_a_change_that_has_begun_is_not_stopped_by_its_caller() -> None:
    async def scenario() -> list[str]:
        begun, gate, done = asyncio.Event(), asyncio.Event(), []

        async def act(request: control_pb2.SetBudgetRequest) -> control_pb2.SetBudgetResponse:
            begun.set()
            await gate.wait()
            done.append(request.client)
            return control_pb2.SetBudgetResponse()

        log = RequestLog(FakeJournal())
        request = control_pb2.SetBudgetRequest(client="plc")
        caller = asyncio.ensure_future(log.once(request, control_pb2.SetBudgetResponse, act))
        await begun.wait()
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
        gate.set()
        await log.close(timeout_s=5)
        return done

    assert run(scenario()) == ["plc"]


def test_duplicates_of_a_refused_request_are_all_refused(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        control = FakeControl(gate=asyncio.Event(), error=BadInput("x", "y"))
        async with serving(tmp_path, control) as rig:
            calls = [asyncio.ensure_future(MUTATIONS["set_budget"](rig.client)) for _ in range(3)]
            await control.entered.wait()
            await rig.client.get_status()
            assert control.gate is not None
            control.gate.set()
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert len(control.calls) == 1
        return [error.code for error in found if isinstance(error, RpcFailed)]

    assert run(scenario()) == ["INVALID_ARGUMENT"] * 3
