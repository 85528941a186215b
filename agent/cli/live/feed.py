"""Asks the daemon again and again, and knows when it has stopped answering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from agent.cli.exits import one_line
from agent.cli.live.reading import Reading, Shares
from agent.errors import DaemonUnreachable

if TYPE_CHECKING:
    from agent.client import AgentClient, RpcFailed
    from agent.pb.ofa_agent.v1 import orders_pb2
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

PERIOD_S = 0.5
ALARM_PERIODS = 4  # alarms change seldom
# Answers that another attempt does not change: what was asked for is not there, or not for this client.
_LASTING = frozenset({"NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNIMPLEMENTED"})


class Feed:
    """The newest answers as `reading`. Owner of the history.

    It asks instead of watching: one question tells of all cameras, also of those that a reload brings, durations in the
    answer are never old, and a daemon that hangs is noticed within the client's deadline. Two questions a second are
    fewer messages than a stream has while results flow.
    """

    def __init__(self, client: AgentClient, camera: str, on_change: Callable[[], None]) -> None:
        self._client = client
        self._camera = camera
        self._on_change = on_change
        self._shares = Shares()
        self._answered_at = _now()
        self.reading = Reading()

    async def first(self) -> None:
        """Ask once. Raises DaemonUnreachable, RpcFailed."""
        await self._ask(alarms=True)

    async def run(self) -> None:
        """Ask until cancelled. Raises RpcFailed where there is no use in asking any more."""
        from agent.client import RpcFailed

        turn = 0
        while True:
            await asyncio.sleep(PERIOD_S)
            turn += 1
            try:
                await self._ask(alarms=turn % ALARM_PERIODS == 0 or self.reading.lost is not None)
            except DaemonUnreachable as error:
                self.reading = self.reading.without_answer(self._answered_at, one_line(error))
            except RpcFailed as error:
                if _is_lasting(error):
                    raise
                self.reading = self.reading.without_answer(self._answered_at, self._why(error))
            self._on_change()

    async def _ask(self, alarms: bool) -> None:
        answer = await self._client.get_status(self._camera)
        cameras = tuple(answer.cameras)
        swaps = {one.camera: told for one in cameras if (told := await self._swap(one)) is not None}
        known: Sequence[pb.Alarm] = self.reading.alarms
        if alarms:
            known = (await self._client.list_alarms(self._camera)).alarms
        shares = self._shares.add(cameras)
        self._answered_at = _now()
        self.reading = replace(
            self.reading,
            cameras=cameras,
            alarms=tuple(known),
            swaps=swaps,
            shares=shares,
            version=answer.agent.version,
            lost=None,
        )

    async def _swap(self, status: pb.CameraStatus) -> orders_pb2.SwapMetadata | None:
        """How far a running swap is; None where there is none or its operation has just ended."""
        from agent.client import RpcFailed
        from agent.pb.ofa_agent.v1 import orders_pb2

        if not status.HasField("swap"):
            return None
        try:
            operation = await self._client.get_operation(f"operations/{status.swap.id}")
        except RpcFailed as error:
            if error.code == "NOT_FOUND":
                return None
            raise
        found = orders_pb2.SwapMetadata()
        return found if operation.metadata.Unpack(found) and not operation.done else None

    def _why(self, error: RpcFailed) -> str:
        if error.code == error.reason == "DEADLINE_EXCEEDED":  # gRPC's own, which says no more than that
            return f"it has not answered within {self._client.timeout_s:g} s"
        return one_line(error)


def _is_lasting(error: RpcFailed) -> bool:
    return error.code in _LASTING


def _now() -> datetime:
    return datetime.now(timezone.utc)
