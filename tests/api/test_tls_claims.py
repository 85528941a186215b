"""What one identity holds, no other reaches; and whoever calls too often takes nothing from the others."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agent.api import ApiLimits
from agent.client import AgentClient
from agent.domain.access import Role
from agent.pb.ofa_agent.v1 import control_pb2 as pb
from agent.pb.ofa_agent.v1 import orders_pb2 as orders
from tests.api.harness import CALM, run
from tests.api.tls_rig import call, on_the_network, reason_of, refused
from tests.support.plant import PLC_3

PLC_4 = "spiffe://plant/plc-4"
ROLES = {"spiffe://plant/*": Role.CONTROL}
SERVICE = "/ofa_agent.v1.ControlService"


def method(request: object) -> str:
    return f"{SERVICE}/{type(request).__name__.removesuffix('Request')}"


@pytest.mark.parametrize(
    ("request_", "done"),
    [
        (pb.RenewBudgetRequest(client=PLC_3), "renew_budget"),
        (pb.ReleaseBudgetRequest(client=PLC_3), "release_budget"),
        (pb.CommitBudgetRequest(client=PLC_3, prepared_id="notice-1"), "commit_budget"),
        (orders.PermitSwapRequest(client=PLC_3), "permit_swap"),
        (orders.UnpinSubnetRequest(client=PLC_3), "unpin"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_client_that_gives_the_name_of_another_acts_under_its_own(
    tmp_path: Path, request_: pb.RenewBudgetRequest, done: str
) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            thief = rig.connect(rig.plant.issue(PLC_4))
            await refused(thief, method(request_), request_.SerializeToString())
            assert [(one[0], one[1]) for one in rig.control.calls] == [(done, f"{PLC_4}#{PLC_3}")]

    run(main())


def test_a_request_id_of_another_identity_gives_its_answer_to_nobody(tmp_path: Path) -> None:
    request = pb.SetBudgetRequest(request_id=str(uuid.uuid4()))
    request.budget.max_latency_ms = 50.0
    request.ttl.FromSeconds(60)
    body = request.SerializeToString()

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            owner, thief = (rig.connect(rig.plant.issue(uri)) for uri in (PLC_3, PLC_4))
            first = await call(owner, method(request), body)
            assert await refused(thief, method(request), body) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
            assert await call(owner, method(request), body) == first
            assert [one[:2] for one in rig.control.calls] == [("set_budget", PLC_3)]

    run(main())


def test_every_change_names_its_client_so_that_no_two_identities_send_the_same_request() -> None:
    methods = pb.DESCRIPTOR.services_by_name["ControlService"].methods
    with_id: list[Descriptor] = [one.input_type for one in methods if "request_id" in one.input_type.fields_by_name]
    assert len(with_id) >= 15
    assert [one.name for one in with_id if "client" not in one.fields_by_name] == []


def test_a_client_that_floods_is_told_when_to_try_again_and_others_notice_nothing(tmp_path: Path) -> None:
    limits = ApiLimits(heartbeat_s=CALM.heartbeat_s, drain_s=2.0, calls_per_s=1.0, calls_burst=20)

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES, limits=limits) as rig:
            issued = rig.plant.issue(PLC_3)
            # Another connection, or another certificate of the same name, is the same client.
            flood = [rig.connect(issued), rig.connect(issued), rig.connect(rig.plant.issue(PLC_3))]
            found = await asyncio.gather(*(refused(flood[number % 3]) for number in range(120)))
            assert set(found) == {("OK", ""), ("RESOURCE_EXHAUSTED", "TOO_FAST")}
            assert 20 <= found.count(("OK", "")) <= 50
            other = rig.connect(rig.plant.issue(PLC_4))
            assert [await refused(other) for _ in range(10)] == [("OK", "")] * 10
            async with AgentClient(rig.socket, name="eng") as local:
                for _ in range(50):
                    await local.get_status()

    run(main())


def test_a_refusal_for_too_many_calls_says_after_how_long_to_try_again(tmp_path: Path) -> None:
    limits = ApiLimits(drain_s=2.0, calls_per_s=0.01, calls_burst=1)

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES, limits=limits) as rig:
            plc = rig.connect(rig.plant.issue(PLC_3))
            await call(plc)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(plc)
            assert reason_of(caught.value) == "TOO_FAST"
            assert PLC_3 in (caught.value.details() or "")
            status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
            retry = error_details_pb2.RetryInfo()
            assert any(detail.Unpack(retry) for detail in status.details)
            assert retry.retry_delay.ToSeconds() >= 1

    run(main())
