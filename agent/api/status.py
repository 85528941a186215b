"""StatusService: what the cameras do."""

from __future__ import annotations

from contextlib import closing

from agent.api import audit, convert, preview
from agent.api.agent_status import AgentFacts
from agent.api.drain import Drain
from agent.api.errors import Rejected
from agent.api.limits import ApiLimits
from agent.api.moment import Moment
from agent.api.parse import budget_of, completed, count_of
from agent.api.result_filter import ResultFilter
from agent.api.services import Services, not_found
from agent.api.shared import SharedResults, SharedStatus
from agent.api.stalls import Write
from agent.domain.control import CameraControl
from agent.domain.subnet import Subnet
from agent.pb.ofa_agent.v1 import audit_pb2, status_pb2

SWAPS_DEFAULT, SWAPS_MOST = 100, 1000
BUFFER_DEFAULT, BUFFER_MOST = 1000, 10_000


class StatusHandlers:
    """One coroutine per RPC of the service; see Gate for how they are served. `epoch` names this run of the agent."""

    def __init__(self, services: Services, drain: Drain, limits: ApiLimits, epoch: str) -> None:
        self._services = services
        self._drain = drain
        self._heartbeat_s = limits.heartbeat_s
        self._epoch = epoch
        self._shared = SharedStatus(services.clock, limits.status_age_s, epoch)
        self._results = SharedResults()
        self._agent = AgentFacts(services)

    async def get_status(self, request: status_pb2.GetStatusRequest) -> bytes:
        cameras = [self._shared.answer(camera.snapshot()) for camera in self._cameras(request.camera)]
        agent = status_pb2.GetStatusResponse(agent=self._agent.message())
        return b"".join([*cameras, agent.SerializeToString()])

    async def watch_status(self, request: status_pb2.WatchStatusRequest, write: Write) -> None:
        camera = self._services.camera(request.camera)
        revision = self._resume_point(request, camera)
        with closing(camera.status_feed()) as feed, self._drain.ending(feed.close):
            while True:
                snapshot = await feed.next(self._heartbeat_s)
                self._drain.check()
                if snapshot is None:
                    await write(self._heartbeat(revision, feed.dropped))
                elif snapshot.revision > revision:
                    revision = snapshot.revision
                    await write(self._shared.watched(snapshot, feed.dropped))

    async def list_subnets(self, request: status_pb2.ListSubnetsRequest) -> status_pb2.ListSubnetsResponse:
        camera = self._services.camera(request.camera)
        catalogue = camera.catalogue()
        if catalogue is None:
            return status_pb2.ListSubnetsResponse()
        active = _active(camera)
        return status_pb2.ListSubnetsResponse(
            library=convert.library(catalogue),
            subnets=[convert.subnet(subnet, subnet.id == active) for subnet in catalogue.subnets],
        )

    async def get_subnet(self, request: status_pb2.GetSubnetRequest) -> status_pb2.GetSubnetResponse:
        camera = self._services.camera(request.camera)
        subnet = subnet_of(camera, request.subnet_id)
        return status_pb2.GetSubnetResponse(subnet=convert.subnet(subnet, subnet.id == _active(camera)))

    async def explain(self, request: status_pb2.ExplainRequest) -> status_pb2.ExplainResponse:
        camera = self._services.camera(request.camera)
        budget = None
        if request.HasField("budget"):
            budget = budget_of(completed(request.budget, camera.snapshot().budget.budget))
        return status_pb2.ExplainResponse(decision=convert.decision(camera.explain(budget), self._moment()))

    async def list_swaps(self, request: status_pb2.ListSwapsRequest) -> status_pb2.ListSwapsResponse:
        limit = count_of("limit", request.limit, SWAPS_DEFAULT, SWAPS_MOST)
        name = self._services.camera(request.camera).name if request.camera else None
        swaps = await self._services.journal.swaps(name, limit)
        return status_pb2.ListSwapsResponse(swaps=[convert.swap(swap) for swap in swaps])

    async def list_alarms(self, request: status_pb2.ListAlarmsRequest) -> status_pb2.ListAlarmsResponse:
        name = self._services.camera(request.camera).name if request.camera else None
        alarms = await self._services.book.alarms(active_only=not request.include_cleared)
        return status_pb2.ListAlarmsResponse(
            alarms=[convert.alarm(alarm) for alarm in alarms if name is None or alarm.camera == name]
        )

    async def list_audit_entries(
        self, request: audit_pb2.ListAuditEntriesRequest
    ) -> audit_pb2.ListAuditEntriesResponse:
        return await audit.list_audit_entries(self._services, request)

    async def get_preview(self, request: status_pb2.GetPreviewRequest) -> status_pb2.GetPreviewResponse:
        return await preview.get_preview(self._services, self._drain, request)

    async def watch_results(self, request: status_pb2.WatchResultsRequest, write: Write) -> None:
        camera = self._services.camera(request.camera)
        buffer = count_of("buffer", request.buffer, BUFFER_DEFAULT, BUFFER_MOST)
        wanted = ResultFilter.of(request, camera)
        with closing(camera.result_feed(buffer, wanted)) as feed, self._drain.ending(feed.close):
            while True:
                result = await feed.next(self._heartbeat_s)
                self._drain.check()
                if result is None:
                    await write(status_pb2.WatchResultsResponse(dropped=feed.dropped, heartbeat=True))
                else:
                    catalogue = camera.catalogue()
                    labels = catalogue.labels if catalogue else ()
                    await write(self._results.watched(result, labels, feed.dropped))

    def _heartbeat(self, revision: int, dropped: int) -> status_pb2.WatchStatusResponse:
        return status_pb2.WatchStatusResponse(revision=revision, epoch=self._epoch, dropped=dropped, heartbeat=True)

    def _moment(self) -> Moment:
        return Moment.of(self._services.clock)

    def _cameras(self, name: str) -> list[CameraControl]:
        if name:
            return [self._services.camera(name)]
        return [camera for _, camera in sorted(self._services.cameras.items())]

    def _resume_point(self, request: status_pb2.WatchStatusRequest, camera: CameraControl) -> int:
        """The revision that the watcher has; 0 where it has none. Raises Rejected (OUT_OF_RANGE)."""
        if not request.resume_epoch:
            return 0
        if request.resume_epoch != self._epoch or request.resume_revision > camera.snapshot().revision:
            message = f"revision {request.resume_revision} is of another run of the agent; watch again without it"
            raise Rejected("REVISION_UNKNOWN", message)
        return request.resume_revision


def _active(camera: CameraControl) -> str | None:
    snapshot = camera.snapshot()
    return snapshot.active_subnet if snapshot.verified else None


def subnet_of(camera: CameraControl, subnet_id: str) -> Subnet:
    """Of the camera's library. Raises Rejected, which says what there is."""
    catalogue = camera.catalogue()
    found = catalogue.get(subnet_id) if catalogue else None
    if found is None:
        known = ", ".join(subnet.id for subnet in catalogue.subnets) if catalogue else "none: it has no library"
        raise not_found("SUBNET_NOT_FOUND", f"camera {camera.name} has no sub-net {subnet_id!r}; it has {known}")
    return found
