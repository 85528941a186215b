"""Modes, pins, rollback, permits, inhibitions, etags and kinds of claims over a real socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.api import commands
from agent.api.caller import CALLER, Caller
from agent.domain.budget import Budget
from agent.domain.orders import Mode
from agent.errors import ModeForbids, NoPrevious, NotLocal, Refused
from agent.pb.ofa_agent.v1 import control_pb2, orders_pb2, types_pb2
from tests.api.harness import Rig, run, serving
from tests.support.fake_control import FakeControl

CONTROL = "/ofa_agent.v1.ControlService"
ID = "6f0e9a4e-6b3c-4c55-9c7e-2a5d0f4c1b11"


async def control(rig: Rig, method: str, **fields: Any) -> Any:
    module = control_pb2 if method.endswith("Budget") else orders_pb2
    request = getattr(module, f"{method}Request")(client="anna", **fields)
    return await rig.call(f"{CONTROL}/{method}", request, getattr(module, f"{method}Response").FromString)


async def refused(call: Awaitable[Message]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


def played(tmp_path: Path, story: Callable[[Rig], Awaitable[None]], *controls: FakeControl) -> None:
    async def main() -> None:
        async with serving(tmp_path, *controls) as rig:
            await story(rig)

    run(main())


def test_an_order_is_answered_with_all_of_them_the_decision_the_etag_and_the_swap(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        answer = await control(rig, "PinSubnet", subnet_id="w1-huge")
        assert (answer.orders.pin.subnet_id, answer.orders.pin.client) == ("w1-huge", "anna")
        assert answer.decision.text
        assert answer.etag == rig.control.etag
        assert answer.operation.name == "operations/swap-1"
        metadata = orders_pb2.SwapMetadata()
        assert answer.operation.metadata.Unpack(metadata)
        assert (metadata.swap_id, metadata.to_subnet_id) == ("swap-1", "w1-huge")
        back = await control(rig, "Rollback")
        assert back.orders.pin.rollback
        (told,) = (await control(rig, "UnpinSubnet")).cameras
        assert (told.camera, told.orders.HasField("pin")) == ("station-1", False)
        assert [call[:2] for call in rig.control.calls] == [("pin", "anna"), ("rollback", "anna"), ("unpin", "anna")]

    played(tmp_path, story)


def test_a_group_is_ordered_about_camera_by_camera(tmp_path: Path) -> None:
    cameras = FakeControl("a"), FakeControl("b")

    async def story(rig: Rig) -> None:
        answer = await control(rig, "SetMode", group="line-1", mode=types_pb2.MODE_MANUAL)
        assert [(one.camera, one.orders.mode) for one in answer.cameras] == [
            ("a", types_pb2.MODE_MANUAL),
            ("b", types_pb2.MODE_MANUAL),
        ]
        assert all(camera.orders.mode is Mode.MANUAL for camera in cameras)
        inhibited = await control(rig, "InhibitSwap", group="line-1", ttl=Duration(seconds=9), why="door")
        assert [one.orders.inhibitions[0].why for one in inhibited.cameras] == ["door", "door"]
        lifted = await control(rig, "PermitSwap", group="line-1", lift_only=True)
        assert not any(one.orders.inhibitions for one in lifted.cameras)
        code, words = await refused(control(rig, "SetMode", group="line-1", mode=types_pb2.MODE_AUTO, etag="x"))
        assert (code, "of one camera" in words) == (grpc.StatusCode.INVALID_ARGUMENT, True)

    played(tmp_path, story, *cameras)


def test_a_budget_of_a_group_is_answered_for_each_camera(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        answer = await control(rig, "SetBudget", group="line-1", budget=types_pb2.Budget(max_latency_ms=50))
        assert [one.camera for one in answer.cameras] == ["a", "b"]
        assert all(one.claim.client == "anna" and one.etag for one in answer.cameras)
        assert not answer.HasField("claim")
        released = await control(rig, "ReleaseBudget", group="line-1")
        assert [one.camera for one in released.cameras] == ["a", "b"]

    played(tmp_path, story, FakeControl("a"), FakeControl("b"))


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("PinSubnet", {"subnet_id": "w1-big"}),
        ("UnpinSubnet", {}),
        ("Rollback", {}),
        ("SetMode", {"mode": types_pb2.MODE_MANUAL}),
        ("PermitSwap", {}),
        ("InhibitSwap", {}),
        ("SetBudget", {"budget": types_pb2.Budget(max_latency_ms=50)}),
        ("ReleaseBudget", {}),
    ],
)
def test_a_command_on_a_stale_etag_is_aborted_and_changes_nothing(
    tmp_path: Path, method: str, fields: dict[str, Any]
) -> None:
    async def story(rig: Rig) -> None:
        fresh = rig.control.etag
        code, words = await refused(control(rig, method, etag="stale", **fields))
        assert (code, "stale" in words) == (grpc.StatusCode.ABORTED, True)
        assert rig.control.calls == []
        await control(rig, method, etag=fresh, **fields)
        assert len(rig.control.calls) == 1

    played(tmp_path, story)


def test_an_order_with_a_request_id_is_carried_out_once(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        first = await control(rig, "PinSubnet", subnet_id="w1-big", request_id=ID)
        assert await control(rig, "PinSubnet", subnet_id="w1-big", request_id=ID.upper()) == first
        assert len(rig.control.calls) == 1
        code, _ = await refused(control(rig, "PinSubnet", subnet_id="w1-huge", request_id=ID))
        assert code is grpc.StatusCode.INVALID_ARGUMENT

    played(tmp_path, story)


@pytest.mark.parametrize(
    ("method", "fields", "code"),
    [
        ("PinSubnet", {"subnet_id": "w9"}, grpc.StatusCode.NOT_FOUND),
        ("PinSubnet", {"subnet_id": "w1-big", "camera": "nowhere"}, grpc.StatusCode.NOT_FOUND),
        ("SetMode", {}, grpc.StatusCode.INVALID_ARGUMENT),
        ("SetMode", {"mode": 99}, grpc.StatusCode.INVALID_ARGUMENT),
        ("InhibitSwap", {"group": "nowhere"}, grpc.StatusCode.NOT_FOUND),
        ("SetBudget", {"budget": types_pb2.Budget(max_latency_ms=5), "kind": 99}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_what_an_order_refuses(tmp_path: Path, method: str, fields: dict[str, Any], code: grpc.StatusCode) -> None:
    async def story(rig: Rig) -> None:
        assert (await refused(control(rig, method, **fields)))[0] is code
        assert rig.control.calls == []

    played(tmp_path, story)


def test_a_refused_order_is_a_failed_precondition_with_its_reason(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.control.error = NoPrevious("camera station-1: nothing was active before")
        code, words = await refused(control(rig, "Rollback"))
        assert (code, words) == (grpc.StatusCode.FAILED_PRECONDITION, "camera station-1: nothing was active before")

    played(tmp_path, story)


FAR = Caller("plc", "ipv4:10.0.0.7:4711", local=False)


def from_afar(check: Callable[[], object]) -> None:
    token = CALLER.set(FAR)
    try:
        check()
    finally:
        CALLER.reset(token)


def test_what_only_the_machine_itself_may_ask_for_is_refused_to_others() -> None:
    commands.local_only("mode maintenance")

    def check() -> None:
        with pytest.raises(NotLocal, match="mode maintenance is for those at the machine itself"):
            commands.local_only("mode maintenance")

    from_afar(check)


def test_in_maintenance_orders_come_from_the_machine_itself(tmp_path: Path) -> None:
    control_of = FakeControl()

    async def story(rig: Rig) -> None:
        await control(rig, "SetMode", mode=types_pb2.MODE_MAINTENANCE)
        await control(rig, "PinSubnet", subnet_id="w1-big")  # over the unix socket: allowed
        handlers = commands.CommandHandlers(rig.server._services, rig.server._requests)
        token = CALLER.set(FAR)
        try:
            with pytest.raises(ModeForbids, match="commanded over the unix socket only"):
                async with handlers._ordering(control_of):
                    pytest.fail("ordered from afar")
            async with handlers._commanding(control_of):
                pass  # budgets are stored in every mode
        finally:
            CALLER.reset(token)

    played(tmp_path, story, control_of)


def test_the_status_shows_the_orders_and_the_etag(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await control(rig, "InhibitSwap", ttl=Duration(seconds=9), why="door")
        orders = rig.control.orders
        rig.control.change(orders=replace(orders, mode=Mode.MANUAL), etag="e-1", settled=True, permit_boot_ns=1 << 62)
        (now,) = (await rig.client.get_status()).cameras
        assert (now.etag, now.settled, now.orders.mode) == ("e-1", True, types_pb2.MODE_MANUAL)
        assert now.orders.inhibitions[0].client == "anna"
        assert now.orders.HasField("permit_remaining")

    played(tmp_path, story)


@pytest.mark.parametrize("meets", [True, False])
def test_the_status_says_whether_the_active_network_meets_the_budget_in_force(tmp_path: Path, meets: bool) -> None:
    async def story(rig: Rig) -> None:
        if not meets:
            rig.control.change(budget=replace(rig.control.now.budget, id="newer", budget=Budget(max_latency_ms=1.0)))
        (now,) = (await rig.client.get_status()).cameras
        assert now.meets_budget is meets

    played(tmp_path, story)


def test_a_swap_is_followed_by_its_operation_and_one_of_the_past_by_the_journal(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        answer = await rig.client.set_budget(max_latency_ms=50)
        assert answer.operation.name == "operations/swap-1"
        with pytest.raises(Exception, match="is not known, or older than the journal keeps"):
            await rig.client.get_operation("operations/nothing")

    played(tmp_path, story)


def test_an_operation_that_may_not_be_cancelled_says_why(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        operation = rig.control.ordered().operation
        assert operation is not None

        def never() -> None:
            raise Refused("the swap is for the fail-safe budget and cannot be cancelled")

        rig.control.desk.put(operation, never)
        with pytest.raises(Exception, match="cannot be cancelled"):
            await rig.client.cancel_operation(operation.name)

    played(tmp_path, story)
