"""The calls of ControlService that order a camera about: modes, pins, rollback, permits and inhibitions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent.api import convert, convert_operation, convert_orders
from agent.api.commands import local_only, no_etag_of_group
from agent.api.enums import MODES
from agent.api.line import LineHandlers
from agent.api.parse import client_name, seconds_of
from agent.api.status import subnet_of
from agent.domain.control import CameraControl, OrderOutcome
from agent.domain.orders import Mode
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import orders_pb2 as pb

_MODES = {number: mode for mode, number in MODES.items()}
OfOne = TypeVar("OfOne", pb.PinSubnetResponse, pb.RollbackResponse)
Act = Callable[[CameraControl], Awaitable[OrderOutcome]]


class OrderHandlers(LineHandlers):
    """One coroutine per RPC; see Gate for how they are served."""

    async def set_mode(self, request: pb.SetModeRequest) -> pb.SetModeResponse:
        return await self._requests.once(request, pb.SetModeResponse, self._set_mode)

    async def pin_subnet(self, request: pb.PinSubnetRequest) -> pb.PinSubnetResponse:
        return await self._requests.once(request, pb.PinSubnetResponse, self._pin_subnet)

    async def unpin_subnet(self, request: pb.UnpinSubnetRequest) -> pb.UnpinSubnetResponse:
        return await self._requests.once(request, pb.UnpinSubnetResponse, self._unpin_subnet)

    async def rollback(self, request: pb.RollbackRequest) -> pb.RollbackResponse:
        return await self._requests.once(request, pb.RollbackResponse, self._rollback)

    async def permit_swap(self, request: pb.PermitSwapRequest) -> pb.PermitSwapResponse:
        return await self._requests.once(request, pb.PermitSwapResponse, self._permit_swap)

    async def inhibit_swap(self, request: pb.InhibitSwapRequest) -> pb.InhibitSwapResponse:
        return await self._requests.once(request, pb.InhibitSwapResponse, self._inhibit_swap)

    async def _set_mode(self, request: pb.SetModeRequest) -> pb.SetModeResponse:
        client, mode = client_name(request.client), _MODES.get(request.mode)
        if mode is None:
            raise BadInput("mode", f"{request.mode} is none of {', '.join(one.value for one in Mode)}")
        if mode is Mode.MAINTENANCE:
            local_only("mode maintenance")
        told = await self._each(request.camera, request.group, request.etag, lambda one: one.set_mode(client, mode))
        return pb.SetModeResponse(cameras=told)

    async def _pin_subnet(self, request: pb.PinSubnetRequest) -> pb.PinSubnetResponse:
        camera, client = self._services.camera(request.camera), client_name(request.client)
        subnet_of(camera, request.subnet_id)
        return await self._one(
            camera, request.etag, pb.PinSubnetResponse(), lambda one: one.pin(client, request.subnet_id)
        )

    async def _unpin_subnet(self, request: pb.UnpinSubnetRequest) -> pb.UnpinSubnetResponse:
        client = client_name(request.client)
        told = await self._each(request.camera, request.group, request.etag, lambda one: one.unpin(client))
        return pb.UnpinSubnetResponse(cameras=told)

    async def _rollback(self, request: pb.RollbackRequest) -> pb.RollbackResponse:
        camera, client = self._services.camera(request.camera), client_name(request.client)
        return await self._one(camera, request.etag, pb.RollbackResponse(), lambda one: one.rollback(client))

    async def _permit_swap(self, request: pb.PermitSwapRequest) -> pb.PermitSwapResponse:
        client, everyone, lift_only = client_name(request.client), request.everyone, request.lift_only
        ttl_s = seconds_of(request.ttl) if request.HasField("ttl") else None
        if everyone:
            local_only("taking back the inhibitions of others")
        told = await self._each(
            request.camera, request.group, request.etag, lambda one: one.permit_swap(client, ttl_s, everyone, lift_only)
        )
        return pb.PermitSwapResponse(cameras=told)

    async def _inhibit_swap(self, request: pb.InhibitSwapRequest) -> pb.InhibitSwapResponse:
        client, why = client_name(request.client), request.why
        ttl_s = seconds_of(request.ttl) if request.HasField("ttl") else None
        told = await self._each(
            request.camera, request.group, request.etag, lambda one: one.inhibit_swap(client, ttl_s, why)
        )
        return pb.InhibitSwapResponse(cameras=told)

    async def _each(self, camera: str, group: str, etag: str, act: Act) -> list[pb.OrderOutcome]:
        """Do it to the camera, or to each of the group; what it means for each."""
        no_etag_of_group(group, etag)
        told = []
        for one in self._services.named(camera, group):
            async with self._ordering(one, etag) as fresh:
                outcome = await act(one) if fresh else one.ordered()
                told.append(convert_orders.outcome(one.name, outcome, one.etag, self._moment()))
        return told

    async def _one(self, camera: CameraControl, etag: str, answer: OfOne, act: Act) -> OfOne:
        async with self._ordering(camera, etag) as fresh:
            outcome, moment = await act(camera) if fresh else camera.ordered(), self._moment()
            answer.decision.CopyFrom(convert.decision(outcome.decision, moment))
            answer.orders.CopyFrom(convert_orders.orders(outcome.orders, outcome.permit_boot_ns, moment))
            answer.etag = camera.etag
            if outcome.operation is not None:
                answer.operation.CopyFrom(convert_operation.operation(outcome.operation, moment))
        return answer
