"""Profiling runs and the operations that follow them, as typed methods of the client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import profile_pb2

R = TypeVar("R", bound=Message)
_OPERATIONS = "/google.longrunning.Operations"


def code_name(code: int) -> str:
    """The name of a gRPC status code, as RpcFailed.code has it: of an operation's error."""
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")


class OperationCalls(ABC):
    """Part of AgentClient."""

    timeout_s: float

    async def profile_subnets(
        self,
        camera: str = "",
        *,
        subnet_ids: Sequence[str] = (),
        results: int = 0,
        while_running: bool = False,
        validate_only: bool = False,
        request_id: str | None = None,
        client: str | None = None,
    ) -> profile_pb2.ProfileSubnetsResponse:
        """Measure sub-nets on the camera (none named: all), `results` of each (0: the daemon's default).

        `validate_only`: only the plan and its costs. The operation goes on by itself; see `operation_changes`.
        """
        request = profile_pb2.ProfileSubnetsRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            subnet_ids=subnet_ids,
            results=results,
            while_running=while_running,
            validate_only=validate_only,
        )
        path = "/ofa_agent.v1.ControlService/ProfileSubnets"
        return await self._call(path, request, profile_pb2.ProfileSubnetsResponse)

    async def get_operation(self, name: str) -> operations_pb2.Operation:
        """An operation as it is now."""
        request = operations_pb2.GetOperationRequest(name=name)
        return await self._call(f"{_OPERATIONS}/GetOperation", request, operations_pb2.Operation)

    async def list_operations(self) -> Sequence[operations_pb2.Operation]:
        """Those under way and the last ones that ended, of all cameras, newest first."""
        request = operations_pb2.ListOperationsRequest()
        answer = await self._call(f"{_OPERATIONS}/ListOperations", request, operations_pb2.ListOperationsResponse)
        return tuple(answer.operations)

    async def cancel_operation(self, name: str) -> None:
        """Ask it to end; it does so after the current swap. Harmless where it has ended."""
        await self._call(f"{_OPERATIONS}/CancelOperation", operations_pb2.CancelOperationRequest(name=name), Empty)

    async def operation_changes(self, name: str, every_s: float = 1.0) -> AsyncIterator[operations_pb2.Operation]:
        """The operation about every `every_s` seconds, which are less than the deadline of a call, until it is done."""
        timeout = Duration()
        timeout.FromNanoseconds(round(every_s * 1e9))
        request = operations_pb2.WaitOperationRequest(name=name, timeout=timeout)
        while True:
            operation = await self._call(f"{_OPERATIONS}/WaitOperation", request, operations_pb2.Operation)
            yield operation
            if operation.done:
                return

    @abstractmethod
    async def _call(self, path: str, request: Message, answer: type[R]) -> R: ...

    @abstractmethod
    def _client(self, name: str | None) -> str: ...
