"""ProfileSubnets, and google.longrunning.Operations by which its runs are followed."""

from __future__ import annotations

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from agent.api import convert, convert_profile
from agent.api.drain import Drain
from agent.api.line import LineHandlers
from agent.api.parse import seconds_of
from agent.api.services import Services, not_found
from agent.domain.operation import DEFAULT_RESULTS, Operation, Operations, ProfileAsk
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import profile_pb2 as pb

OPERATIONS = operations_pb2.DESCRIPTOR.services_by_name["Operations"]
MAX_WAIT_S = 60.0  # of one call; a client that wants to wait longer calls again


class ProfileHandlers(LineHandlers):
    """One coroutine per RPC; see Gate for how they are served."""

    async def profile_subnets(self, request: pb.ProfileSubnetsRequest) -> pb.ProfileSubnetsResponse:
        return await self._requests.once(request, pb.ProfileSubnetsResponse, self._profile_subnets)

    async def _profile_subnets(self, request: pb.ProfileSubnetsRequest) -> pb.ProfileSubnetsResponse:
        camera = self._services.camera(request.camera)
        ask = ProfileAsk(tuple(request.subnet_ids), request.results or DEFAULT_RESULTS, request.while_running)
        answer = pb.ProfileSubnetsResponse(plan=convert_profile.plan(camera.plan_profile(ask)))
        if request.validate_only:
            return answer
        started = camera.start_profile(ask)
        answer.operation.CopyFrom(convert_profile.operation(started.operation))
        answer.decision.CopyFrom(convert.decision(started.decision, self._moment()))
        return answer


class OperationHandlers:
    """google.longrunning.Operations over the runs of all cameras. They are kept in memory, the last ones of each."""

    def __init__(self, services: Services, drain: Drain) -> None:
        self._services = services
        self._drain = drain

    async def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        return convert_profile.operation(self._found(request.name)[1])

    async def list_operations(
        self, request: operations_pb2.ListOperationsRequest
    ) -> operations_pb2.ListOperationsResponse:
        """Newest first, all in one answer; `name` may be empty or `operations`."""
        if request.name not in ("", "operations"):
            raise BadInput("name", f"{request.name!r} is neither empty nor 'operations'")
        if request.filter or request.page_token:
            raise BadInput("filter" if request.filter else "page_token", "is not supported: there are a few at most")
        found = [one for camera in self._services.cameras.values() for one in camera.operations.all()]
        found.sort(key=lambda one: one.started_wall_ns, reverse=True)
        return operations_pb2.ListOperationsResponse(operations=[convert_profile.operation(one) for one in found])

    async def delete_operation(self, request: operations_pb2.DeleteOperationRequest) -> Empty:
        """Forget one that is over."""
        desk, operation = self._found(request.name)
        desk.forget(operation.name)
        return Empty()

    async def cancel_operation(self, request: operations_pb2.CancelOperationRequest) -> Empty:
        """It ends after the current swap; harmless where it has ended."""
        desk, operation = self._found(request.name)
        desk.cancel(operation.name)
        return Empty()

    async def wait_operation(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:
        """The operation once it is done, or as it is after `timeout`, which is at most and by default MAX_WAIT_S."""
        desk, operation = self._found(request.name)
        asked_s = seconds_of(request.timeout) if request.HasField("timeout") else MAX_WAIT_S
        ended = await self._drain.race(desk.wait(operation.name, max(0.0, min(asked_s, MAX_WAIT_S))))
        return convert_profile.operation(ended or operation)

    def _found(self, name: str) -> tuple[Operations, Operation]:
        for camera in self._services.cameras.values():
            operation = camera.operations.get(name)
            if operation is not None:
                return camera.operations, operation
        raise not_found("OPERATION_NOT_FOUND", f"operation {name!r} is not known; they do not outlive the agent")
