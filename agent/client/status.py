"""What the daemon knows, as typed methods of the client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from agent.client.calls import Calls
from agent.client.values import budget
from agent.client.watch import Interruption, Place, StatusPlace, Watch
from agent.pb.ofa_agent.v1 import audit_pb2, status_pb2

S = TypeVar("S", status_pb2.WatchStatusResponse, status_pb2.WatchResultsResponse)
OnInterruption = Callable[[Interruption], None]


class StatusCalls(Calls):
    """Part of AgentClient."""

    async def get_status(self, camera: str = "") -> status_pb2.GetStatusResponse:
        """The state of one camera; of all of them where none is named."""
        request = status_pb2.GetStatusRequest(camera=camera)
        return await self._status("GetStatus", request, status_pb2.GetStatusResponse)

    def watch_status(
        self, camera: str = "", on_interruption: OnInterruption | None = None
    ) -> Watch[status_pb2.WatchStatusResponse]:
        """The camera's complete state now and after every change; see Watch.

        After an interruption it goes on where it was: a state that did not change meanwhile does not come twice.
        """
        request = status_pb2.WatchStatusRequest(camera=camera)
        place = StatusPlace(request)
        return self._watch("WatchStatus", request, status_pb2.WatchStatusResponse, on_interruption, place)

    def watch_results(
        self,
        camera: str = "",
        buffer: int = 0,
        on_interruption: OnInterruption | None = None,
        *,
        subnet_ids: Sequence[str] = (),
        class_ids: Sequence[int] = (),
        labels: Sequence[str] = (),
        min_confidence: float | None = None,
        max_confidence: float | None = None,
        every_nth: int = 0,
    ) -> Watch[status_pb2.WatchResultsResponse]:
        """Results from now on, all or those that fit; see Watch.

        The daemon keeps `buffer` of them while this reader is slow (0: its default) and drops the oldest when they are
        more. What came while the stream was interrupted is missed.
        """
        request = status_pb2.WatchResultsRequest(
            camera=camera,
            buffer=buffer,
            subnet_ids=subnet_ids,
            class_ids=class_ids,
            labels=labels,
            min_confidence=min_confidence,
            max_confidence=max_confidence,
            every_nth=every_nth,
        )
        return self._watch("WatchResults", request, status_pb2.WatchResultsResponse, on_interruption)

    async def list_subnets(self, camera: str = "") -> status_pb2.ListSubnetsResponse:
        """The camera's library and its sub-nets."""
        request = status_pb2.ListSubnetsRequest(camera=camera)
        return await self._status("ListSubnets", request, status_pb2.ListSubnetsResponse)

    async def get_subnet(self, subnet_id: str, camera: str = "") -> status_pb2.GetSubnetResponse:
        """One sub-net of the camera's library."""
        request = status_pb2.GetSubnetRequest(camera=camera, subnet_id=subnet_id)
        return await self._status("GetSubnet", request, status_pb2.GetSubnetResponse)

    async def explain(
        self,
        camera: str = "",
        *,
        parts_per_minute: float | None = None,
        max_latency_ms: float | None = None,
        min_accuracy: float | None = None,
        quantile: float | None = None,
    ) -> status_pb2.ExplainResponse:
        """The decision under the budget in force; with any bound given, what it would be under those."""
        request = status_pb2.ExplainRequest(camera=camera)
        bounds = budget(parts_per_minute, max_latency_ms, min_accuracy, quantile)
        if bounds.ByteSize():
            request.budget.CopyFrom(bounds)
        return await self._status("Explain", request, status_pb2.ExplainResponse)

    async def list_swaps(self, camera: str = "", limit: int = 0) -> status_pb2.ListSwapsResponse:
        """Swaps, newest first; of all cameras where none is named; at most `limit` (0: the daemon's default)."""
        request = status_pb2.ListSwapsRequest(camera=camera, limit=limit)
        return await self._status("ListSwaps", request, status_pb2.ListSwapsResponse)

    async def list_alarms(self, camera: str = "", include_cleared: bool = False) -> status_pb2.ListAlarmsResponse:
        """Alarms; of all cameras where none is named."""
        request = status_pb2.ListAlarmsRequest(camera=camera, include_cleared=include_cleared)
        return await self._status("ListAlarms", request, status_pb2.ListAlarmsResponse)

    async def list_audit_entries(
        self, camera: str = "", limit: int = 0, after: int | None = None
    ) -> audit_pb2.ListAuditEntriesResponse:
        """Who asked for what: the newest entries, newest first; with `after` those of higher numbers, oldest first."""
        request = audit_pb2.ListAuditEntriesRequest(camera=camera, limit=limit, after=after)
        return await self._status("ListAuditEntries", request, audit_pb2.ListAuditEntriesResponse)

    async def get_preview(self, camera: str = "", max_width: int = 0) -> status_pb2.GetPreviewResponse:
        """A small JPEG of what the camera sees now, at most `max_width` pixels wide (0: the daemon's default).

        The daemon waits up to 8 s for a frame, as while a swap has stopped the stream.
        """
        request = status_pb2.GetPreviewRequest(camera=camera, max_width=max_width)
        return await self._status("GetPreview", request, status_pb2.GetPreviewResponse)

    def _watch(
        self,
        method: str,
        request: Message,
        answer: type[S],
        on_interruption: OnInterruption | None,
        place: Place[S] | None = None,
    ) -> Watch[S]:
        def open_stream() -> Any:
            return self._stream(f"/ofa_agent.v1.StatusService/{method}", request, answer)

        return Watch(open_stream, self.target, on_interruption, place=place)
