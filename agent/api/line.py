"""The calls of ControlService by which a line tells the agent what it does and what is coming."""

from __future__ import annotations

import uuid

from agent.api import convert_notice
from agent.api.commands import CommandHandlers
from agent.api.parse import budget_of, client_name, due_s_of, seconds_of, ttl_s_of
from agent.pb.ofa_agent.v1 import control_pb2 as pb


class LineHandlers(CommandHandlers):
    """One coroutine per RPC; see Gate for how they are served."""

    async def report_line(self, request: pb.ReportLineRequest) -> pb.ReportLineResponse:
        return await self._requests.once(request, pb.ReportLineResponse, self._report_line)

    async def prepare_budget(self, request: pb.PrepareBudgetRequest) -> pb.PrepareBudgetResponse:
        return await self._requests.once(request, pb.PrepareBudgetResponse, self._prepare_budget)

    async def commit_budget(self, request: pb.CommitBudgetRequest) -> pb.CommitBudgetResponse:
        return await self._requests.once(request, pb.CommitBudgetResponse, self._commit_budget)

    async def _report_line(self, request: pb.ReportLineRequest) -> pb.ReportLineResponse:
        cameras, client = self._services.named(request.camera, request.group), client_name(request.client)
        rate = request.parts_per_minute if request.HasField("parts_per_minute") else None
        ttl_s = seconds_of(request.ttl) if request.HasField("ttl") else None
        answer = pb.ReportLineResponse()
        for camera in cameras:
            async with self._commanding(camera):
                outcome = await camera.report_line(client, request.stopped, rate, ttl_s)
                answer.cameras.append(convert_notice.reported(camera.name, outcome, self._moment()))
        return answer

    async def _prepare_budget(self, request: pb.PrepareBudgetRequest) -> pb.PrepareBudgetResponse:
        cameras, client = self._services.named(request.camera, request.group), client_name(request.client)
        budget = budget_of(request.budget)
        ttl_s = ttl_s_of(request.ttl) if request.HasField("ttl") else None
        due_s = due_s_of(request, self._services.clock.wall_ns())
        answer = pb.PrepareBudgetResponse(prepared_id=str(uuid.uuid4()))
        for camera in cameras:
            async with self._commanding(camera):  # one that was prepared before a crash takes the place of that one
                told = await camera.prepare_budget(client, answer.prepared_id, budget, ttl_s, due_s)
                answer.changes.append(convert_notice.prepared(camera.name, told, self._moment()))
        return answer

    async def _commit_budget(self, request: pb.CommitBudgetRequest) -> pb.CommitBudgetResponse:
        cameras, client = self._services.named(request.camera, request.group), client_name(request.client)
        answer = pb.CommitBudgetResponse()
        for camera in cameras:
            async with self._commanding(camera):  # to commit again is harmless
                done = await camera.commit_budget(client, request.prepared_id, request.wait_for_ready)
                answer.changes.append(convert_notice.committed(camera.name, done, self._moment()))
        return answer
