"""ControlService: what changes a camera's budget."""

from __future__ import annotations

from typing import TypeVar

from agent.api import convert
from agent.api.parse import budget_of, client_name, ttl_s_of
from agent.api.profile import ProfileHandlers
from agent.api.services import not_found
from agent.domain.control import ClaimOutcome
from agent.pb.ofa_agent.v1 import control_pb2

Answer = TypeVar("Answer", control_pb2.SetBudgetResponse, control_pb2.RenewBudgetResponse)


class ControlHandlers(ProfileHandlers):
    """One coroutine per RPC of the service; see Gate for how they are served."""

    async def set_budget(self, request: control_pb2.SetBudgetRequest) -> control_pb2.SetBudgetResponse:
        return await self._requests.once(request, control_pb2.SetBudgetResponse, self._set_budget)

    async def renew_budget(self, request: control_pb2.RenewBudgetRequest) -> control_pb2.RenewBudgetResponse:
        return await self._requests.once(request, control_pb2.RenewBudgetResponse, self._renew_budget)

    async def release_budget(self, request: control_pb2.ReleaseBudgetRequest) -> control_pb2.ReleaseBudgetResponse:
        return await self._requests.once(request, control_pb2.ReleaseBudgetResponse, self._release_budget)

    async def acknowledge_alarm(
        self, request: control_pb2.AcknowledgeAlarmRequest
    ) -> control_pb2.AcknowledgeAlarmResponse:
        return await self._requests.once(request, control_pb2.AcknowledgeAlarmResponse, self._acknowledge)

    async def _set_budget(self, request: control_pb2.SetBudgetRequest) -> control_pb2.SetBudgetResponse:
        camera = self._services.camera(request.camera)
        outcome = await camera.set_budget(
            client_name(request.client),
            budget_of(request.budget),
            ttl_s_of(request.ttl) if request.HasField("ttl") else None,
            request.allow_infeasible if request.HasField("allow_infeasible") else True,
        )
        return self._filled(control_pb2.SetBudgetResponse(), outcome)

    async def _renew_budget(self, request: control_pb2.RenewBudgetRequest) -> control_pb2.RenewBudgetResponse:
        camera = self._services.camera(request.camera)
        outcome = await camera.renew_budget(client_name(request.client))
        return self._filled(control_pb2.RenewBudgetResponse(), outcome)

    async def _release_budget(self, request: control_pb2.ReleaseBudgetRequest) -> control_pb2.ReleaseBudgetResponse:
        camera = self._services.camera(request.camera)
        outcome = await camera.release_budget(client_name(request.client))
        return control_pb2.ReleaseBudgetResponse(
            effective=convert.effective(outcome.effective),
            decision=convert.decision(outcome.decision, self._moment()),
            swap_id=outcome.swap_id if outcome.swap_expected else None,
        )

    async def _acknowledge(self, request: control_pb2.AcknowledgeAlarmRequest) -> control_pb2.AcknowledgeAlarmResponse:
        by = client_name(request.client)
        alarm = await self._services.book.acknowledge_alarm(request.alarm_id, by)
        if alarm is None:
            raise not_found("ALARM_NOT_FOUND", f"alarm {request.alarm_id} is not known")
        camera = self._services.cameras.get(alarm.camera)
        if camera is not None and alarm.cleared_wall_ns is None:
            await camera.acknowledge(alarm.key, by)
        return control_pb2.AcknowledgeAlarmResponse(alarm=convert.alarm(alarm))

    def _filled(self, answer: Answer, outcome: ClaimOutcome) -> Answer:
        if outcome.claim is not None:
            answer.claim.CopyFrom(convert.claim(outcome.claim, self._moment()))
        answer.effective.CopyFrom(convert.effective(outcome.effective))
        answer.decision.CopyFrom(convert.decision(outcome.decision, self._moment()))
        if outcome.swap_expected and outcome.swap_id is not None:
            answer.swap_id = outcome.swap_id
        return answer
