"""ProfileSubnets and google.longrunning.Operations over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from agent.client.operations import code_name
from agent.domain.operation import Operation, ProfiledNet, ProfileStage, ProfileWork
from agent.errors import Cancelled, Refused
from agent.pb.ofa_agent.v1 import profile_pb2
from tests.api.harness import Rig, run, serving
from tests.support.fake_control import FakeControl
from tests.support.operations import profiling

PROFILE = "/ofa_agent.v1.ControlService/ProfileSubnets"
OPERATIONS = "/google.longrunning.Operations"
NET = ProfiledNet("w1-huge", 300, 95.5, 97.25, 0.02, 2.5)
_ANSWERS: dict[str, Any] = {
    "GetOperation": operations_pb2.Operation,
    "WaitOperation": operations_pb2.Operation,
    "ListOperations": operations_pb2.ListOperationsResponse,
    "CancelOperation": Empty,
    "DeleteOperation": Empty,
}


async def profile(rig: Rig, **fields: Any) -> profile_pb2.ProfileSubnetsResponse:
    request = profile_pb2.ProfileSubnetsRequest(**fields)
    return await rig.call(PROFILE, request, profile_pb2.ProfileSubnetsResponse.FromString)


async def ask(rig: Rig, method: str, **fields: Any) -> Any:
    request = getattr(operations_pb2, f"{method}Request")(**fields)
    return await rig.call(f"{OPERATIONS}/{method}", request, _ANSWERS[method].FromString)


def metadata(operation: operations_pb2.Operation) -> profile_pb2.ProfileSubnetsMetadata:
    found = profile_pb2.ProfileSubnetsMetadata()
    assert operation.metadata.Unpack(found)
    return found


def ended(operation: Operation, **changes: Any) -> Operation:
    work = replace(profiling(operation), stage=ProfileStage.DONE, subnet_id="", left_s=0.0, nets=(NET,))
    return replace(operation, work=work, done=True, **changes)


def test_a_run_is_answered_with_its_plan_and_an_operation_that_tells_how_far_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            answer = await profile(rig, subnet_ids=["w1-huge"], results=100, while_running=True)
            assert list(answer.plan.subnet_ids) == ["w1-huge"]
            assert (answer.plan.results, answer.plan.takes.ToMilliseconds(), answer.plan.gaps.seconds) == (
                100,
                42500,
                6,
            )
            assert answer.decision.reason == "profile"
            assert not answer.operation.done
            seen = metadata(answer.operation)
            assert (seen.camera, seen.stage, seen.subnet_id) == (
                "station-1",
                profile_pb2.PROFILE_STAGE_SWAPPING,
                "w1-huge",
            )
            assert (seen.done, seen.total, seen.remaining.ToMilliseconds()) == (0, 1, 42500)
            assert await ask(rig, "GetOperation", name=answer.operation.name) == answer.operation
            listed = await ask(rig, "ListOperations", name="operations")
            assert list(listed.operations) == [answer.operation]

    run(main())


def test_validate_only_tells_the_plan_and_starts_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            answer = await profile(rig, validate_only=True)
            assert list(answer.plan.subnet_ids) == ["w1-huge", "w1-big"]
            assert answer.plan.results == 300
            assert not answer.HasField("operation")
            assert rig.control.operations.all() == ()

    run(main())


def test_the_same_request_id_starts_one_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            request_id = "2f1c0b3e-6a58-4f43-9a80-3f7f0c1d2e3f"
            first, again = [await profile(rig, request_id=request_id) for _ in range(2)]
            assert first.operation == again.operation
            assert len(rig.control.operations.all()) == 1

    run(main())


def test_waiting_ends_with_the_run_and_its_figures(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            name = (await profile(rig)).operation.name
            waiting = asyncio.ensure_future(ask(rig, "WaitOperation", name=name))
            early = await ask(rig, "WaitOperation", name=name, timeout={"nanos": 1_000_000})
            assert not early.done
            (running,) = rig.control.operations.all()
            rig.control.desk.put(ended(running))
            operation = await waiting
            assert operation.done
            result = profile_pb2.ProfileSubnetsResult()
            assert operation.response.Unpack(result)
            (net,) = result.subnets
            assert (net.subnet_id, net.count, net.median_ms, net.p99_ms) == ("w1-huge", 300, 95.5, 97.25)
            assert net.swap.ToMilliseconds() == 2500

    run(main())


@pytest.mark.parametrize(
    ("error", "code"), [(Cancelled("cancelled"), "CANCELLED"), (Refused("the line runs again"), "FAILED_PRECONDITION")]
)
def test_a_run_that_ended_early_has_an_error_and_keeps_what_it_measured(
    tmp_path: Path, error: Cancelled | Refused, code: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            name = (await profile(rig)).operation.name
            assert await ask(rig, "CancelOperation", name=name) == Empty()
            assert rig.control.cancelled == [name]
            (running,) = rig.control.operations.all()
            rig.control.desk.put(ended(running, error=error))
            operation = await ask(rig, "GetOperation", name=name)
            assert operation.error.code == grpc.StatusCode[code].value[0]
            assert operation.error.message == str(error)
            assert [net.subnet_id for net in metadata(operation).subnets] == ["w1-huge"]
            await ask(rig, "CancelOperation", name=name)
            assert rig.control.cancelled == [name]
            await ask(rig, "DeleteOperation", name=name)
            assert not rig.control.operations.all(), "only the journal knows it now"

    run(main())


@pytest.mark.parametrize(
    ("method", "fields", "code"),
    [
        ("GetOperation", {"name": "operations/none"}, "NOT_FOUND"),
        ("CancelOperation", {"name": ""}, "NOT_FOUND"),
        ("WaitOperation", {"name": "x"}, "NOT_FOUND"),
        ("ListOperations", {"name": "cameras/1"}, "INVALID_ARGUMENT"),
        ("ListOperations", {"filter": "done"}, "INVALID_ARGUMENT"),
        ("DeleteOperation", {"name": "operations/2"}, "FAILED_PRECONDITION"),
    ],
)
def test_what_operations_refuses(tmp_path: Path, method: str, fields: dict[str, str], code: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            await profile(rig)
            (running,) = rig.control.operations.all()
            rig.control.desk.put(replace(running, name="operations/2"))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(rig, method, **fields)
            assert refused.value.code().name == code

    run(main())


def test_a_refused_run_is_told_with_its_reason(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, FakeControl(error=Refused("the line is not reported as stopped"))) as rig:
            for fields in ({}, {"validate_only": True}):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await profile(rig, **fields)
                assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        async with serving(tmp_path) as rig:
            with pytest.raises(grpc.aio.AioRpcError) as wrong:
                await profile(rig, results=7)
            assert wrong.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run(main())


def test_operations_that_have_ended_are_kept_up_to_a_bound() -> None:
    async def main() -> None:
        control = FakeControl()
        running = Operation("operations/0", "c", ProfileWork(ProfileStage.SWAPPING, "n", 1, 1.0))
        control.desk.put(running)
        for number in range(1, 40):
            control.desk.put(ended(replace(running, name=f"operations/{number}")))
        names = [one.name for one in control.desk.all()]
        assert names == [f"operations/{number}" for number in range(39, 23, -1)] + ["operations/0"]

    run(main())


def test_the_client_starts_follows_lists_and_cancels_a_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            client = rig.client
            plan = await client.profile_subnets(subnet_ids=["w1-big"], results=50, validate_only=True)
            assert (list(plan.plan.subnet_ids), plan.HasField("operation")) == (["w1-big"], False)
            name = (await client.profile_subnets(results=50, while_running=True)).operation.name
            assert [one.name for one in await client.list_operations()] == [name]
            seen = []
            async for operation in client.operation_changes(name, every_s=0.001):
                seen.append(operation.done)
                if len(seen) == 2:
                    await client.cancel_operation(name)
                    (running,) = rig.control.operations.all()
                    rig.control.desk.put(ended(running, error=Cancelled("cancelled")))
            assert seen == [False, False, True]
            assert rig.control.cancelled == [name]
            assert code_name((await client.get_operation(name)).error.code) == "CANCELLED"
            assert code_name(4711) == "UNKNOWN"

    run(main())
