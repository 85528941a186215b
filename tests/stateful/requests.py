"""Steps into requests. Every bound that a step asks for is its own: who sees it knows whose word it was."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import control_pb2, profile_pb2, types_pb2
from tests.stateful.program import Do, Program, Step

SERVICE = "ofa_agent.v1.ControlService"
METHODS: dict[Do, str] = {
    Do.SET: "SetBudget",
    Do.RENEW: "RenewBudget",
    Do.RELEASE: "ReleaseBudget",
    Do.PREPARE: "PrepareBudget",
    Do.COMMIT: "CommitBudget",
    Do.REPORT: "ReportLine",
    Do.ACKNOWLEDGE: "AcknowledgeAlarm",
    Do.PROFILE: "ProfileSubnets",
}
ANSWERS: dict[str, type[Message]] = {
    "SetBudget": control_pb2.SetBudgetResponse,
    "RenewBudget": control_pb2.RenewBudgetResponse,
    "ReleaseBudget": control_pb2.ReleaseBudgetResponse,
    "PrepareBudget": control_pb2.PrepareBudgetResponse,
    "CommitBudget": control_pb2.CommitBudgetResponse,
    "ReportLine": control_pb2.ReportLineResponse,
    "AcknowledgeAlarm": control_pb2.AcknowledgeAlarmResponse,
    "ProfileSubnets": profile_pb2.ProfileSubnetsResponse,
}
_LATENCIES_MS = (30.0, 60.0, 75.0, 90.0, 110.0, 200.0)
_RATES = (None, None, 300.0, 900.0, 1800.0)


class Clerk:
    """Writes the requests of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def request(self, step: Step, client: str, about: str = "") -> Message:
        """`about`: the prepared id that is committed, or the id of the alarm."""
        camera = self._program.setting.cameras[step.camera]
        common: dict[str, Any] = {
            "request_id": self._program.request_id(step.number) if step.with_id else "",
            "client": client,
        }
        if step.do is Do.SET:
            return control_pb2.SetBudgetRequest(
                **common,
                camera=camera,
                budget=self.budget(step),
                ttl=_duration(step.ttl_s),
                allow_infeasible=None if step.other else step.flag,
            )
        if step.do is Do.RENEW:
            return control_pb2.RenewBudgetRequest(**common, camera=camera)
        if step.do is Do.RELEASE:
            return control_pb2.ReleaseBudgetRequest(**common, camera=camera)
        if step.do is Do.PREPARE:
            return control_pb2.PrepareBudgetRequest(
                **common,
                camera=camera,
                budget=self.budget(step),
                due_in=_duration(step.due_s),
                ttl=_duration(step.ttl_s),
            )
        if step.do is Do.COMMIT:
            return control_pb2.CommitBudgetRequest(**common, camera=camera, prepared_id=about, wait_for_ready=step.flag)
        return self._other(step, camera, common, about)

    def _other(self, step: Step, camera: str, common: dict[str, Any], about: str) -> Message:
        if step.do is Do.REPORT:
            rate = -1.0 if step.wrong else 300.0 + step.number / 8
            return control_pb2.ReportLineRequest(
                **common, camera=camera, stopped=step.flag, parts_per_minute=rate, ttl=_duration(step.ttl_s)
            )
        if step.do is Do.ACKNOWLEDGE:
            return control_pb2.AcknowledgeAlarmRequest(**common, alarm_id=int(about or 999_999))
        assert step.do is Do.PROFILE, step.do
        return profile_pb2.ProfileSubnetsRequest(
            **common,
            camera=camera,
            subnet_ids=("small",) if step.other else ("middle", "small"),
            results=20,
            while_running=step.flag,
        )

    def budget(self, step: Step) -> types_pb2.Budget:
        drawn = random.Random(f"{self._program.seed}/{step.number}")
        if step.wrong:
            return types_pb2.Budget(max_latency_ms=drawn.choice((-1.0, 0.0, float("nan"), 1e9)))
        return types_pb2.Budget(
            max_latency_ms=drawn.choice(_LATENCIES_MS) + step.number / 1024,
            parts_per_minute=drawn.choice(_RATES),
            min_accuracy=drawn.choice((None, None, 0.5)),
            quantile=drawn.choice((None, None, 0.9)),
        )

    def reused(self, request: Message, step: Step) -> Message:
        """Another request under the id of that one."""
        other = self.request(Step(step.number, Do.SET), "somebody-else")
        other.request_id = request.request_id  # type: ignore[attr-defined]
        return other


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
