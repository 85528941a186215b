"""ProfileSubnets, and google.longrunning.Operations by which swaps, runs and captures are followed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import anyio
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from agent.api import convert, convert_operation, convert_profile
from agent.api.drain import Drain
from agent.api.errors import Rejected, code_of
from agent.api.moment import Moment
from agent.api.orders import OrderHandlers
from agent.api.parse import seconds_of
from agent.api.services import Services, not_found
from agent.api.trail import Trail
from agent.domain.audit import AuditEntry
from agent.domain.operation import DEFAULT_RESULTS, PREFIX, Operation, Operations, ProfileAsk
from agent.errors import AgentError, BadInput, JournalError
from agent.pb.ofa_agent.v1 import profile_pb2 as pb
from agent.supervisor.operations import restored, swap_operation

OPERATIONS = operations_pb2.DESCRIPTOR.services_by_name["Operations"]
MAX_WAIT_S = 60.0  # of one call; a client that wants to wait longer calls again
AUDITED_S = 0.1  # that a cancel waits for its entry in the audit; on a disk that hangs it is answered all the same
LISTED = 50  # operations of the past, a camera and kind


class ProfileHandlers(OrderHandlers):
    """One coroutine per RPC; see Gate for how they are served."""

    async def profile_subnets(self, request: pb.ProfileSubnetsRequest) -> pb.ProfileSubnetsResponse:
        return await self._requests.once(request, pb.ProfileSubnetsResponse, self._profile_subnets)

    async def _profile_subnets(self, request: pb.ProfileSubnetsRequest) -> pb.ProfileSubnetsResponse:
        camera = self._services.camera(request.camera)
        ask = ProfileAsk(tuple(request.subnet_ids), request.results or DEFAULT_RESULTS, request.while_running)
        answer = pb.ProfileSubnetsResponse(plan=convert_profile.plan(camera.plan_profile(ask)))
        if request.validate_only:
            return answer
        async with self._ordering(camera):
            started, moment = await camera.start_profile(ask), self._moment()
        answer.operation.CopyFrom(convert_operation.operation(started.operation, moment))
        answer.decision.CopyFrom(convert.decision(started.decision, moment))
        return answer


class OperationHandlers:
    """google.longrunning.Operations over all cameras: those under way, the last ones, and what the journal knows."""

    def __init__(self, services: Services, drain: Drain) -> None:
        self._services = services
        self._drain = drain
        self._trail = Trail(services.cameras)

    async def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        return self._told(await self._known(request.name))

    async def list_operations(
        self, request: operations_pb2.ListOperationsRequest
    ) -> operations_pb2.ListOperationsResponse:
        """Newest first, all in one answer; `name` may be empty or `operations`."""
        if request.name not in ("", "operations"):
            raise BadInput("name", f"{request.name!r} is neither empty nor 'operations'")
        if request.filter or request.page_token:
            raise BadInput("filter" if request.filter else "page_token", "is not supported: there are a few at most")
        found = {one.name: one for camera in self._services.cameras for one in await self._past(camera)}
        found |= {one.name: one for camera in self._services.cameras.values() for one in camera.operations.all()}
        newest = sorted(found.values(), key=lambda one: one.started_wall_ns, reverse=True)
        return operations_pb2.ListOperationsResponse(operations=[self._told(one) for one in newest])

    async def delete_operation(self, request: operations_pb2.DeleteOperationRequest) -> Empty:
        """Forget one that is over, as long as the agent runs; the journal keeps it."""
        await self._changed(request, lambda desk: desk.forget(request.name))
        return Empty()

    async def cancel_operation(self, request: operations_pb2.CancelOperationRequest) -> Empty:
        """Ask it to end; harmless where it has ended."""
        await self._changed(request, lambda desk: desk.cancel(request.name))
        return Empty()

    async def _changed(
        self,
        request: operations_pb2.CancelOperationRequest | operations_pb2.DeleteOperationRequest,
        change: Callable[[Operations], object],
    ) -> None:
        """Do it where the operation is under way or remembered, and audit what came of it."""
        entry, found = self._trail.begun(request, ""), self._found(request.name)
        if found is not None:
            entry = self._trail.about(entry, found[1].camera)
        try:
            if found is None:
                await self._known(request.name)
            else:
                change(found[0])
        except (AgentError, Rejected) as error:
            self._services.journal.note_audit(replace(entry, outcome=code_of(error).name, reason=error.reason))
            raise
        await self._audited(self._trail.done(entry))

    async def _audited(self, entry: AuditEntry) -> None:
        """It has been done, and nobody waits for a disk to hear so: the entry is kept until it can be written."""
        journal = self._services.journal
        journal.note_audit(entry)
        with anyio.move_on_after(AUDITED_S), suppress(JournalError):
            await journal.audit(None, 1, None)  # comes after what was to be written before

    async def wait_operation(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:
        """The operation once it is done, or as it is after `timeout`, which is at most and by default MAX_WAIT_S."""
        found = self._found(request.name)
        if found is None:
            return self._told(await self._known(request.name))
        desk, operation = found
        asked_s = seconds_of(request.timeout) if request.HasField("timeout") else MAX_WAIT_S
        ended = await self._drain.race(desk.wait(operation.name, max(0.0, min(asked_s, MAX_WAIT_S))))
        return self._told(ended or operation)

    async def _past(self, camera: str) -> list[Operation]:
        """What the journal knows; a journal that cannot be read hides only that."""
        journal = self._services.journal
        runs = [restored(kept) for kept in await journal.operations(camera, LISTED)]
        return runs + [swap_operation(record) for record in await journal.swaps(camera, LISTED)]

    def _told(self, operation: Operation) -> operations_pb2.Operation:
        return convert_operation.operation(operation, Moment.of(self._services.clock))

    async def _known(self, name: str) -> Operation:
        """Also one of the past; raises Rejected (NOT_FOUND)."""
        found = self._found(name)
        if found is not None:
            return found[1]
        kept = await self._services.journal.operation(name)
        if kept is not None:
            return restored(kept)
        record = await self._services.journal.swap(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        if record is not None:
            return swap_operation(record)
        raise not_found(
            "OPERATION_NOT_FOUND", f"operation {name[:100]!r} is not known, or older than the journal keeps"
        )

    def _found(self, name: str) -> tuple[Operations, Operation] | None:
        for camera in self._services.cameras.values():
            operation = camera.operations.get(name)
            if operation is not None:
                return camera.operations, operation
        return None
