"""A lease that is renewed for as long as somebody wants it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType

from agent.client.errors import RpcFailed
from agent.errors import DaemonUnreachable
from agent.logs import event, logger
from agent.pb.ofa_agent.v1 import control_pb2

_log = logger("client")


class LeaseKeeper:
    """Claims on entry, renews every third of the ttl, releases on exit; use as `async with client.keep_lease(…)`.

    Entry raises what the claim fails with. While it is open nothing is raised: a renewal that fails is tried again
    after a tenth of the ttl, and a lease that expired meanwhile is claimed again; `lost` counts those. The owner of
    the one task is the context; releasing is best effort, since the lease expires by itself.
    """

    def __init__(
        self,
        claim: Callable[[], Awaitable[control_pb2.SetBudgetResponse]],
        renew: Callable[[], Awaitable[control_pb2.RenewBudgetResponse]],
        release: Callable[[], Awaitable[control_pb2.ReleaseBudgetResponse]],
        ttl_s: float,
    ) -> None:
        self._claim, self._renew, self._release = claim, renew, release
        self._ttl_s = ttl_s
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self.lost = 0
        self.renewals = 0
        self.answer: control_pb2.SetBudgetResponse | None = None

    async def __aenter__(self) -> LeaseKeeper:
        self.answer = await self._claim()
        self._task = asyncio.create_task(self._keep(), name="lease-keeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        with contextlib.suppress(RpcFailed, DaemonUnreachable):
            await self._release()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._ttl_s / 10 if self._failing else self._ttl_s / 3)
            try:
                await self._extend()
            except (RpcFailed, DaemonUnreachable) as error:
                if not self._failing:
                    event(_log, logging.WARNING, "lease_not_renewed", error=error)
                self._failing = True
                continue
            if self._failing:
                event(_log, logging.WARNING, "lease_renewed_again", lost=self.lost)
            self._failing = False

    async def _extend(self) -> None:
        """Renew, or claim again where the daemon no longer knows the lease."""
        try:
            await self._renew()
            self.renewals += 1
        except RpcFailed as error:
            if error.code not in {"INVALID_ARGUMENT", "NOT_FOUND"}:
                raise
            self.lost += 1
            self.answer = await self._claim()
