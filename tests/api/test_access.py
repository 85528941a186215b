"""Who may call what, before anything of a call is read."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from agent.api.access import Access, Auth, Who
from agent.api.caller import client_of
from agent.api.errors import Rejected, code_of
from agent.api.roles import NEEDS
from agent.domain.access import Role
from agent.pb.ofa_agent.v1 import control_pb2, status_pb2

PLC = Who("spiffe://plant/plc-3", "tls:ipv4:10.0.0.7:4711", Role.CONTROL)
SERVED = [
    service
    for file in (control_pb2, status_pb2, operations_pb2, health_pb2, reflection_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
ROLES = tuple(Role)


class OneDoor:
    """A door behind which everybody is `who`."""

    def __init__(self, who: Who | None) -> None:
        self._who = who

    def bind(self, server: grpc.aio.Server) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def remove(self) -> None: ...

    def who(self, peer: str, auth: Auth) -> Who | None:
        return self._who

    def refused(self, peer: str, error: Rejected | None) -> str | None:
        return None


def refused(who: Who | None, method: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        Access([OneDoor(None), OneDoor(who)]).admit(method, "ipv4:10.0.0.7:4711", {})
    return caught.value


@pytest.mark.parametrize("service", SERVED, ids=lambda service: service.full_name)
def test_every_call_that_is_served_needs_a_role_and_only_those(service: ServiceDescriptor) -> None:
    served = {method.full_name for method in service.methods}
    assert served == {name for name in NEEDS if name.rpartition(".")[0] == service.full_name}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_needs_it_or_less_and_nothing_else(role: Role) -> None:
    who = replace(PLC, role=role)
    for method, needed in NEEDS.items():
        if ROLES.index(needed) <= ROLES.index(role):
            assert Access([OneDoor(who)]).admit(method, "ipv4:10.0.0.7:4711", {}) == who
        else:
            error = refused(who, method)
            assert code_of(error) is grpc.StatusCode.PERMISSION_DENIED
            assert error.reason == ("NO_ROLE" if role is Role.NONE else "ROLE_TOO_LOW")


def test_only_reading_needs_no_more_than_read() -> None:
    assert {method.rpartition(".")[2] for method, role in NEEDS.items() if role is Role.ADMIN} == {
        "ListAuditEntries",
        "ReloadConfig",
    }
    for method, role in NEEDS.items():
        assert (role is Role.READ) == ("ControlService" not in method and "Cancel" not in method
                                       and "Delete" not in method and "Audit" not in method)  # fmt: skip


def test_a_call_that_is_in_no_table_is_for_nobody() -> None:
    assert refused(replace(PLC, role=Role.ADMIN), "ofa_agent.v1.ControlService.FormatDisk").reason == "ROLE_TOO_LOW"


def test_a_connection_that_no_door_knows_may_do_nothing() -> None:
    assert refused(None, "ofa_agent.v1.StatusService.GetStatus").reason == "NO_ROLE"


def test_nobody_elsewhere_goes_by_the_name_of_another() -> None:
    assert client_of(PLC, "") == "spiffe://plant/plc-3"
    assert client_of(PLC, "spiffe://plant/plc-4") == "spiffe://plant/plc-3#spiffe://plant/plc-4"
    local = Who("anna", "unix:uid=1000", Role.ADMIN, local=True)
    assert [client_of(local, name) for name in ("", "plc-4")] == ["anna", "plc-4"]


class Ears:
    """What was told of refusals."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def refused(self, method: str, who: Who | None, peer: str, error: Rejected) -> None:
        self.told.append((method, error.reason))


def test_a_call_that_goes_on_is_refused_for_its_role_and_not_for_a_connection_that_is_gone() -> None:
    ears, watch = Ears(), "ofa_agent.v1.StatusService.WatchStatus"
    Access([OneDoor(PLC)], ears).still(watch, "ipv4:10.0.0.7:4711", {})
    Access([OneDoor(None)], ears).still(watch, "unix:/gone", {})
    assert ears.told == []
    with pytest.raises(Rejected):
        Access([OneDoor(replace(PLC, role=Role.NONE))], ears).still(watch, "ipv4:10.0.0.7:4711", {})
    assert ears.told == [(watch, "NO_ROLE")]
