"""ControlService: what changes a camera's budget."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from agent.api import config, convert, convert_operation
from agent.api.capture import CaptureHandlers
from agent.api.commands import admin_only, local_only, no_etag_of_group
from agent.api.enums import CLAIM_KINDS
from agent.api.parse import budget_of, client_name, ttl_s_of
from agent.api.profile import ProfileHandlers
from agent.api.requests import RequestLog
from agent.api.services import Services, not_found
from agent.api.stalls import Write
from agent.domain.budget import Budget, ClaimKind
from agent.domain.control import CameraControl, ClaimOutcome
from agent.domain.journal import Answered
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import capture_pb2, config_pb2, control_pb2, types_pb2

Answer: TypeAlias = (
    "control_pb2.SetBudgetResponse | control_pb2.RenewBudgetResponse | control_pb2.ReleaseBudgetResponse"
    " | control_pb2.BudgetOutcome"
)
_KINDS = {number: kind for kind, number in CLAIM_KINDS.items()}


class _Asked(NamedTuple):
    """What a claim is to say."""

    client: str
    budget: Budget
    ttl_s: float | None
    allow_infeasible: bool
    kind: ClaimKind


class ControlHandlers(ProfileHandlers):
    """One coroutine per RPC of the service; see Gate for how they are served."""

    def __init__(self, services: Services, requests: RequestLog, captures: CaptureHandlers) -> None:
        super().__init__(services, requests)
        self._captures = captures

    async def set_budget(self, request: control_pb2.SetBudgetRequest) -> control_pb2.SetBudgetResponse:
        return await self._requests.once(request, control_pb2.SetBudgetResponse, self._set_budget, looks_up_late=True)

    async def renew_budget(self, request: control_pb2.RenewBudgetRequest) -> control_pb2.RenewBudgetResponse:
        return await self._requests.once(request, control_pb2.RenewBudgetResponse, self._renew_budget)

    async def release_budget(self, request: control_pb2.ReleaseBudgetRequest) -> control_pb2.ReleaseBudgetResponse:
        return await self._requests.once(request, control_pb2.ReleaseBudgetResponse, self._release_budget)

    async def acknowledge_alarm(
        self, request: control_pb2.AcknowledgeAlarmRequest
    ) -> control_pb2.AcknowledgeAlarmResponse:
        return await self._requests.once(request, control_pb2.AcknowledgeAlarmResponse, self._acknowledge)

    async def reload_config(self, request: config_pb2.ReloadConfigRequest) -> config_pb2.ReloadConfigResponse:
        return await self._requests.once(request, config_pb2.ReloadConfigResponse, self._reload_config)

    async def capture_images(self, request: capture_pb2.CaptureImagesRequest, write: Write) -> None:
        await self._captures.capture_images(request, write)

    async def _set_budget(self, request: control_pb2.SetBudgetRequest) -> control_pb2.SetBudgetResponse:
        client, budget = client_name(request.client), budget_of(request.budget)
        ttl_s = ttl_s_of(request.ttl) if request.HasField("ttl") else None
        allow = request.allow_infeasible if request.HasField("allow_infeasible") else True
        kind = _kind(request.kind, ttl_s)
        no_etag_of_group(request.group, request.etag)
        asked = _Asked(client, budget, ttl_s, allow, kind)
        if not request.group:
            return await self._set_one(request, asked)
        await self._requests.kept(None)
        answer = control_pb2.SetBudgetResponse()
        for camera in self._services.named(request.camera, request.group):
            async with self._commanding(camera) as fresh:
                outcome = await camera.set_budget(*asked) if fresh else camera.present(client)
                self._fill(answer.cameras.add(camera=camera.name), camera, outcome)
        return answer

    async def _set_one(self, request: control_pb2.SetBudgetRequest, asked: _Asked) -> control_pb2.SetBudgetResponse:
        """Where it can be said before what the answer will be, it is kept together with the claim."""
        camera, answer = self._services.camera(request.camera), control_pb2.SetBudgetResponse()
        told = False

        async def closing(foreseen: ClaimOutcome | None) -> Answered | None:
            nonlocal told
            if foreseen is None:
                return await self._requests.kept(None)
            self._fill(answer, camera, foreseen)
            told = True
            return await self._requests.kept(answer, foreseen.etag)

        async with self._commanding(camera, request.etag) as fresh:
            outcome = await camera.set_budget(*asked, closing) if fresh else camera.present(asked.client)
            if not told:
                self._fill(answer, camera, outcome)
        return answer

    async def _renew_budget(self, request: control_pb2.RenewBudgetRequest) -> control_pb2.RenewBudgetResponse:
        camera, client = self._services.camera(request.camera), client_name(request.client)
        answer = control_pb2.RenewBudgetResponse()
        async with self._commanding(camera, request.etag) as fresh:
            self._fill(answer, camera, await camera.renew_budget(client) if fresh else camera.present(client))
        return answer

    async def _release_budget(self, request: control_pb2.ReleaseBudgetRequest) -> control_pb2.ReleaseBudgetResponse:
        client = client_name(request.client)
        no_etag_of_group(request.group, request.etag)
        answer = control_pb2.ReleaseBudgetResponse()
        for camera in self._services.named(request.camera, request.group):
            async with self._commanding(camera, request.etag) as fresh:
                outcome = (
                    await camera.release_budget(client, request.announced_only) if fresh else camera.present(client)
                )
                self._fill(answer.cameras.add(camera=camera.name) if request.group else answer, camera, outcome)
        return answer

    async def _reload_config(self, request: config_pb2.ReloadConfigRequest) -> config_pb2.ReloadConfigResponse:
        client_name(request.client)
        return await config.reload_config(self._services.config, request)

    async def _acknowledge(self, request: control_pb2.AcknowledgeAlarmRequest) -> control_pb2.AcknowledgeAlarmResponse:
        by = client_name(request.client)
        alarm = await self._services.book.acknowledge_alarm(request.alarm_id, by)
        if alarm is None:
            raise not_found("ALARM_NOT_FOUND", f"alarm {request.alarm_id} is not known")
        camera = self._services.cameras.get(alarm.camera)
        if camera is not None and alarm.cleared_wall_ns is None:
            await camera.acknowledge(alarm.key, by)
        return control_pb2.AcknowledgeAlarmResponse(alarm=convert.alarm(alarm))

    def _fill(self, answer: Answer, camera: CameraControl, outcome: ClaimOutcome) -> None:
        moment = self._moment()
        if outcome.claim is not None and not isinstance(answer, control_pb2.ReleaseBudgetResponse):
            answer.claim.CopyFrom(convert.claim(outcome.claim, moment))
        answer.effective.CopyFrom(convert.effective(outcome.effective))
        answer.decision.CopyFrom(convert.decision(outcome.decision, moment))
        answer.etag = outcome.etag or camera.etag
        if outcome.swap_expected and outcome.swap_id is not None:
            answer.swap_id = outcome.swap_id
        if outcome.operation is not None:
            answer.operation.CopyFrom(convert_operation.operation(outcome.operation, moment))


def _kind(given: types_pb2.ClaimKind, ttl_s: float | None) -> ClaimKind:
    """What kind of claim is asked for; raises BadInput, and NotLocal or Rejected for one that only
    the machine itself or an admin may make."""
    kind = _KINDS.get(given)
    if kind is None and given:
        raise BadInput("kind", f"{given} is none of {', '.join(one.value for one in ClaimKind)}")
    if kind is None:
        kind = ClaimKind.MANUAL if ttl_s is None else ClaimKind.LEASE
    if kind is ClaimKind.MANUAL:
        admin_only("a claim without a ttl")
    elif kind is not ClaimKind.LEASE:
        local_only(f"a claim of kind {kind.value}")
    return kind
