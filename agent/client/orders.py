"""Modes, pins, interlocks and what else is ordered beside budgets, as typed methods of the client."""

from __future__ import annotations

from agent.client.calls import Calls
from agent.client.values import Mode, mode, optional_duration
from agent.pb.ofa_agent.v1 import config_pb2, control_pb2, orders_pb2


class OrderCalls(Calls):
    """Part of AgentClient."""

    async def set_mode(
        self,
        to: Mode,
        camera: str = "",
        *,
        group: str = "",
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> orders_pb2.SetModeResponse:
        """Say who moves the network: the policy (auto), commands only (manual), or service (maintenance)."""
        request = orders_pb2.SetModeRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            etag=etag,
            mode=mode(to),
        )
        return await self._mutate("SetMode", request, orders_pb2.SetModeResponse)

    async def pin_subnet(
        self,
        subnet_id: str,
        camera: str = "",
        *,
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> orders_pb2.PinSubnetResponse:
        """Keep that sub-net on the camera whatever the budget says; `wait_swap` follows the swap that starts now."""
        request = orders_pb2.PinSubnetRequest(
            request_id=request_id or "", client=self._client(client), camera=camera, etag=etag, subnet_id=subnet_id
        )
        return await self._mutate("PinSubnet", request, orders_pb2.PinSubnetResponse)

    async def unpin_subnet(
        self,
        camera: str = "",
        *,
        group: str = "",
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> orders_pb2.UnpinSubnetResponse:
        """Let the policy choose again."""
        request = orders_pb2.UnpinSubnetRequest(
            request_id=request_id or "", client=self._client(client), camera=camera, group=group, etag=etag
        )
        return await self._mutate("UnpinSubnet", request, orders_pb2.UnpinSubnetResponse)

    async def rollback(
        self, camera: str = "", *, etag: str = "", request_id: str | None = None, client: str | None = None
    ) -> orders_pb2.RollbackResponse:
        """Go back to the sub-net that was active before, and pin it."""
        request = orders_pb2.RollbackRequest(
            request_id=request_id or "", client=self._client(client), camera=camera, etag=etag
        )
        return await self._mutate("Rollback", request, orders_pb2.RollbackResponse)

    async def permit_swap(
        self,
        camera: str = "",
        *,
        group: str = "",
        ttl_s: float | None = None,
        everyone: bool = False,
        lift_only: bool = False,
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> orders_pb2.PermitSwapResponse:
        """Take back what this client (`everyone`: or any other) has said against swaps, and let one begin.

        `lift_only`: let none begin where swaps wait for a permit.
        """
        request = orders_pb2.PermitSwapRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            etag=etag,
            ttl=optional_duration(ttl_s),
            everyone=everyone,
            lift_only=lift_only,
        )
        return await self._mutate("PermitSwap", request, orders_pb2.PermitSwapResponse)

    async def inhibit_swap(
        self,
        camera: str = "",
        *,
        group: str = "",
        ttl_s: float | None = None,
        why: str = "",
        etag: str = "",
        request_id: str | None = None,
        client: str | None = None,
    ) -> orders_pb2.InhibitSwapResponse:
        """Let no swap begin, for `ttl_s` or until this client permits one; it outranks everything."""
        request = orders_pb2.InhibitSwapRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            group=group,
            etag=etag,
            ttl=optional_duration(ttl_s),
            why=why,
        )
        return await self._mutate("InhibitSwap", request, orders_pb2.InhibitSwapResponse)

    async def acknowledge_alarm(
        self, alarm_id: int, *, request_id: str | None = None, client: str | None = None
    ) -> control_pb2.AcknowledgeAlarmResponse:
        """Note that the alarm was seen; a FAULTED camera tries again."""
        request = control_pb2.AcknowledgeAlarmRequest(
            request_id=request_id or "", client=self._client(client), alarm_id=alarm_id
        )
        return await self._mutate("AcknowledgeAlarm", request, control_pb2.AcknowledgeAlarmResponse)

    async def reload_config(
        self, *, validate_only: bool = False, request_id: str | None = None, client: str | None = None
    ) -> config_pb2.ReloadConfigResponse:
        """Let the daemon read its configuration file again and take it over as a whole, or not at all."""
        request = config_pb2.ReloadConfigRequest(
            request_id=request_id or "", client=self._client(client), validate_only=validate_only
        )
        return await self._mutate("ReloadConfig", request, config_pb2.ReloadConfigResponse)
