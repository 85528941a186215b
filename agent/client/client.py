"""The agent's RPCs as typed methods."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.client.errors import failure
from agent.client.lease import LeaseKeeper
from agent.client.operations import OperationCalls
from agent.client.watch import Interruption, Watch
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import control_pb2, status_pb2, types_pb2

R = TypeVar("R", bound=Message)
S = TypeVar("S", status_pb2.WatchStatusResponse, status_pb2.WatchResultsResponse)
OnInterruption = Callable[[Interruption], None]
LONGEST_S = 3e8  # what the daemon takes is far less; it says so
_OPTIONS = [  # min_reconnect_backoff_ms stays at its 20 s: it is also the time that one attempt to connect may take
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 30_000),  # the daemon refuses pings that come faster than every 10 s
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
]


class AgentClient(OperationCalls):
    """One connection to a daemon; use as `async with AgentClient(path) as client`.

    `target` is the path of the daemon's unix socket, `unix:PATH`, or HOST:PORT (without encryption: for tests only).
    Every call has a deadline of `timeout_s` seconds. Calls raise RpcFailed, DaemonUnreachable, or BadInput for what the
    wire cannot carry. `name` is the client
    that claims are held by, by default `USER@HOST`; programs of one user that hold claims of their own need names of
    their own.
    """

    def __init__(self, target: str | os.PathLike[str], name: str | None = None, timeout_s: float = 10.0) -> None:
        text = os.fspath(target)
        self.target = f"unix:{text}" if text.startswith(("/", "./", "../")) else text
        self.name = default_name() if name is None else name
        self.timeout_s = timeout_s
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> AgentClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is under way and disconnect; idempotent."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close(None)

    # -- status ----------------------------------------------------------------------------------------------------

    async def get_status(self, camera: str = "") -> status_pb2.GetStatusResponse:
        """The state of one camera; of all of them where none is named."""
        request = status_pb2.GetStatusRequest(camera=camera)
        return await self._status("GetStatus", request, status_pb2.GetStatusResponse)

    def watch_status(
        self, camera: str = "", on_interruption: OnInterruption | None = None
    ) -> Watch[status_pb2.WatchStatusResponse]:
        """The camera's complete state now, after every change, and after every reconnection."""
        request = status_pb2.WatchStatusRequest(camera=camera)
        return self._watch("WatchStatus", request, status_pb2.WatchStatusResponse, on_interruption)

    def watch_results(
        self, camera: str = "", buffer: int = 0, on_interruption: OnInterruption | None = None
    ) -> Watch[status_pb2.WatchResultsResponse]:
        """Every result from now on; the daemon keeps `buffer` of them while this reader is slow (0: its default)."""
        request = status_pb2.WatchResultsRequest(camera=camera, buffer=buffer)
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
        bounds = _budget(parts_per_minute, max_latency_ms, min_accuracy, quantile)
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

    # -- control ---------------------------------------------------------------------------------------------------

    async def set_budget(
        self,
        camera: str = "",
        *,
        parts_per_minute: float | None = None,
        max_latency_ms: float | None = None,
        min_accuracy: float | None = None,
        quantile: float | None = None,
        ttl_s: float | None = None,
        allow_infeasible: bool = True,
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.SetBudgetResponse:
        """Store this client's claim: a lease with `ttl_s`, else a manual one that holds until it is released."""
        request = control_pb2.SetBudgetRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            budget=_budget(parts_per_minute, max_latency_ms, min_accuracy, quantile),
            ttl=None if ttl_s is None else _duration(ttl_s),
            allow_infeasible=allow_infeasible,
        )
        return await self._control("SetBudget", request, control_pb2.SetBudgetResponse)

    async def renew_budget(
        self, camera: str = "", *, request_id: str | None = None, client: str | None = None
    ) -> control_pb2.RenewBudgetResponse:
        """Full time again for this client's lease."""
        request = control_pb2.RenewBudgetRequest(
            request_id=request_id or "", client=self._client(client), camera=camera
        )
        return await self._control("RenewBudget", request, control_pb2.RenewBudgetResponse)

    async def release_budget(
        self, camera: str = "", *, request_id: str | None = None, client: str | None = None
    ) -> control_pb2.ReleaseBudgetResponse:
        """Drop this client's claim."""
        request = control_pb2.ReleaseBudgetRequest(
            request_id=request_id or "", client=self._client(client), camera=camera
        )
        return await self._control("ReleaseBudget", request, control_pb2.ReleaseBudgetResponse)

    async def prepare_budget(
        self,
        camera: str = "",
        *,
        group: str = "",
        parts_per_minute: float | None = None,
        max_latency_ms: float | None = None,
        min_accuracy: float | None = None,
        quantile: float | None = None,
        due_in_s: float = 0.0,
        ttl_s: float | None = None,
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.PrepareBudgetResponse:
        """Tell of a budget that will be asked for in `due_in_s`, and learn what it would cost; see `commit_budget`."""
        request = control_pb2.PrepareBudgetRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            budget=_budget(parts_per_minute, max_latency_ms, min_accuracy, quantile),
            due_in=_duration(due_in_s, "due_in_s"),
            ttl=None if ttl_s is None else _duration(ttl_s),
        )
        return await self._control("PrepareBudget", request, control_pb2.PrepareBudgetResponse)

    async def commit_budget(
        self,
        prepared_id: str,
        camera: str = "",
        *,
        group: str = "",
        wait_for_ready: bool = False,
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.CommitBudgetResponse:
        """Make it definite: for its time or, while the line waits for READY, now."""
        request = control_pb2.CommitBudgetRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            prepared_id=prepared_id,
            wait_for_ready=wait_for_ready,
        )
        return await self._control("CommitBudget", request, control_pb2.CommitBudgetResponse)

    async def report_line(
        self,
        camera: str = "",
        *,
        stopped: bool,
        group: str = "",
        parts_per_minute: float | None = None,
        ttl_s: float | None = None,
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.ReportLineResponse:
        """Tell whether the line runs, for `ttl_s` (None: the daemon's default of a minute)."""
        request = control_pb2.ReportLineRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            stopped=stopped,
            parts_per_minute=parts_per_minute,
            ttl=None if ttl_s is None else _duration(ttl_s),
        )
        return await self._control("ReportLine", request, control_pb2.ReportLineResponse)

    async def acknowledge_alarm(
        self, alarm_id: int, *, request_id: str | None = None, client: str | None = None
    ) -> control_pb2.AcknowledgeAlarmResponse:
        """Note that the alarm was seen; a FAULTED camera tries again."""
        request = control_pb2.AcknowledgeAlarmRequest(
            request_id=request_id or "", client=self._client(client), alarm_id=alarm_id
        )
        return await self._control("AcknowledgeAlarm", request, control_pb2.AcknowledgeAlarmResponse)

    def keep_lease(
        self,
        camera: str = "",
        *,
        ttl_s: float,
        parts_per_minute: float | None = None,
        max_latency_ms: float | None = None,
        min_accuracy: float | None = None,
        quantile: float | None = None,
    ) -> LeaseKeeper:
        """A lease for as long as the context is open; see LeaseKeeper."""

        async def claim() -> control_pb2.SetBudgetResponse:
            return await self.set_budget(
                camera,
                parts_per_minute=parts_per_minute,
                max_latency_ms=max_latency_ms,
                min_accuracy=min_accuracy,
                quantile=quantile,
                ttl_s=ttl_s,
            )

        return LeaseKeeper(claim, lambda: self.renew_budget(camera), lambda: self.release_budget(camera), ttl_s)

    # -- transport -------------------------------------------------------------------------------------------------

    async def _status(self, method: str, request: Message, answer: type[R]) -> R:
        return await self._call(f"/ofa_agent.v1.StatusService/{method}", request, answer)

    async def _control(self, method: str, request: Message, answer: type[R]) -> R:
        return await self._call(f"/ofa_agent.v1.ControlService/{method}", request, answer)

    async def _call(self, path: str, request: Message, answer: type[R]) -> R:
        call: Any = self._connected().unary_unary(path, _serialize, answer.FromString)
        try:
            response: R = await call(request, timeout=self.timeout_s)
        except grpc.aio.AioRpcError as exc:
            raise failure(exc, self.target) from exc
        return response

    def _watch(
        self, method: str, request: Message, answer: type[S], on_interruption: OnInterruption | None
    ) -> Watch[S]:
        path = f"/ofa_agent.v1.StatusService/{method}"

        def open_stream() -> Any:
            return self._connected().unary_stream(path, _serialize, answer.FromString)(request)

        return Watch(open_stream, self.target, on_interruption)

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self.target, options=_OPTIONS)
        return self._channel

    def _client(self, name: str | None) -> str:
        return self.name if name is None else name


def default_name() -> str:
    """`USER@HOST`: the same for every process of this user, so that one may release what another has set."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a passwd entry
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _budget(
    parts_per_minute: float | None, max_latency_ms: float | None, min_accuracy: float | None, quantile: float | None
) -> types_pb2.Budget:
    return types_pb2.Budget(
        max_latency_ms=max_latency_ms,
        parts_per_minute=parts_per_minute,
        min_accuracy=min_accuracy,
        quantile=quantile,
    )


def _duration(seconds: float, name: str = "ttl_s") -> Duration:
    if not -LONGEST_S <= seconds <= LONGEST_S:
        raise BadInput(name, f"{seconds} is no time in seconds that the wire can carry")
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
