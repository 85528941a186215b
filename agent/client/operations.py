"""Work that takes time, and how it is followed: swaps, profiling runs, captures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from agent.client.calls import Calls, passing
from agent.client.errors import RpcFailed, code_name, ended_with
from agent.client.values import duration
from agent.errors import DaemonUnreachable
from agent.pb.ofa_agent.v1 import orders_pb2, profile_pb2, types_pb2

__all__ = ["OperationCalls", "code_name"]
_OPERATIONS = "/google.longrunning.Operations"
SWAP_S = 180.0  # the default deadline of a swap, as long again for the way back, and a minute for its turn
EVERY_S, PROGRESS_S = 1.0, 0.25  # a swap takes seconds, and has five stages
OnProgress = Callable[[operations_pb2.Operation], None]


class OperationCalls(Calls):
    """Part of AgentClient."""

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
        return await self._mutate("ProfileSubnets", request, profile_pb2.ProfileSubnetsResponse)

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
        """Ask it to end; it does so where that is safe. Harmless where it has ended."""
        await self._call(f"{_OPERATIONS}/CancelOperation", operations_pb2.CancelOperationRequest(name=name), Empty)

    async def operation_changes(self, name: str, every_s: float = EVERY_S) -> AsyncIterator[operations_pb2.Operation]:
        """The operation about every `every_s` seconds, which are less than the deadline of a call, until it is done."""
        while True:
            operation = await self._newest(name, every_s)
            yield operation
            if operation.done:
                return

    async def wait_operation(
        self, name: str, deadline_s: float = SWAP_S, on_progress: OnProgress | None = None
    ) -> operations_pb2.Operation:
        """Wait until it has ended well; `on_progress` gets it about four times a second and when it has ended.

        Raises what it ended with (RpcFailed and, by its reason, the error of agent.errors), and TimeoutError where it
        goes on after `deadline_s`. A daemon that is away meanwhile is waited for as long.
        """
        loop = asyncio.get_running_loop()
        until_s, failed, every_s = loop.time() + deadline_s, 0, PROGRESS_S if on_progress else EVERY_S
        while True:
            left_s = max(0.0, until_s - loop.time())
            try:
                operation = await self._newest(name, min(every_s, left_s))
            except (RpcFailed, DaemonUnreachable) as error:
                failed += 1
                delay_s = self.retry.delay_s(failed, error)
                if not passing(error) or delay_s > left_s:
                    raise
                await asyncio.sleep(delay_s)
                continue
            failed = 0
            if on_progress is not None:
                on_progress(operation)
            if operation.done:
                return _good(operation)
            if left_s <= 0:
                raise TimeoutError(f"{name} has not ended within {deadline_s:g} s; it goes on")

    async def wait_swap(
        self, swap: operations_pb2.Operation | str, deadline_s: float = SWAP_S, on_progress: OnProgress | None = None
    ) -> types_pb2.Swap:
        """As `wait_operation`, for the operation of a swap as an answer holds it, or its name; the swap that it was."""
        name = swap if isinstance(swap, str) else swap.name
        ended = await self.wait_operation(name, deadline_s, on_progress)
        found = orders_pb2.SwapResult()
        ended.response.Unpack(found)
        return found.swap

    async def _newest(self, name: str, within_s: float) -> operations_pb2.Operation:
        request = operations_pb2.WaitOperationRequest(name=name, timeout=duration(within_s, "every_s"))
        return await self._call(f"{_OPERATIONS}/WaitOperation", request, operations_pb2.Operation)


def _good(operation: operations_pb2.Operation) -> operations_pb2.Operation:
    if operation.HasField("error"):
        raise ended_with(operation.error)
    return operation
