"""Budgets, announced changes and what a line does, as typed methods of the client."""

from __future__ import annotations

from agent.client.calls import NO_RETRY, Calls, Retry
from agent.client.lease import LeaseKeeper
from agent.client.values import ClaimKind, budget, claim_kind, duration, optional_duration
from agent.pb.ofa_agent.v1 import control_pb2


class BudgetCalls(Calls):
    """Part of AgentClient."""

    async def set_budget(
        self,
        camera: str = "",
        *,
        parts_per_minute: float | None = None,
        max_latency_ms: float | None = None,
        min_accuracy: float | None = None,
        quantile: float | None = None,
        ttl_s: float | None = None,
        kind: ClaimKind | None = None,
        allow_infeasible: bool = True,
        group: str = "",
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.SetBudgetResponse:
        """Store this client's claim: a lease with `ttl_s`, else one that holds until it is released.

        `kind` None: as the ttl says. With `group` the answer is in `cameras`, one for each.
        """
        request = control_pb2.SetBudgetRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            budget=budget(parts_per_minute, max_latency_ms, min_accuracy, quantile),
            ttl=optional_duration(ttl_s),
            allow_infeasible=allow_infeasible,
            kind=claim_kind(kind),
            etag=etag,
            group=group,
        )
        return await self._mutate("SetBudget", request, control_pb2.SetBudgetResponse)

    async def renew_budget(
        self, camera: str = "", *, etag: str = "", request_id: str | None = None, client: str | None = None
    ) -> control_pb2.RenewBudgetResponse:
        """Full time again for this client's lease."""
        return await self._renew(camera, etag, request_id, client, self.retry)

    async def release_budget(
        self,
        camera: str = "",
        *,
        group: str = "",
        announced_only: bool = False,
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> control_pb2.ReleaseBudgetResponse:
        """Drop this client's claim and what it has announced, or with `announced_only` only that."""
        request = control_pb2.ReleaseBudgetRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            etag=etag,
            group=group,
            announced_only=announced_only,
        )
        return await self._mutate("ReleaseBudget", request, control_pb2.ReleaseBudgetResponse)

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
            budget=budget(parts_per_minute, max_latency_ms, min_accuracy, quantile),
            due_in=duration(due_in_s, "due_in_s"),
            ttl=optional_duration(ttl_s),
        )
        return await self._mutate("PrepareBudget", request, control_pb2.PrepareBudgetResponse)

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
        return await self._mutate("CommitBudget", request, control_pb2.CommitBudgetResponse)

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
            ttl=optional_duration(ttl_s),
        )
        return await self._mutate("ReportLine", request, control_pb2.ReportLineResponse)

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

        async def renew() -> control_pb2.RenewBudgetResponse:
            return await self._renew(camera, "", None, None, NO_RETRY)  # the keeper tries again at times of its own

        return LeaseKeeper(claim, renew, lambda: self.release_budget(camera), ttl_s)

    async def _renew(
        self, camera: str, etag: str, request_id: str | None, client: str | None, retry: Retry
    ) -> control_pb2.RenewBudgetResponse:
        request = control_pb2.RenewBudgetRequest(
            request_id=request_id or "", client=self._client(client), camera=camera, etag=etag
        )
        return await self._mutate("RenewBudget", request, control_pb2.RenewBudgetResponse, retry)
