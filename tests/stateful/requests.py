"""Steps into requests. Every bound that a step asks for is its own: who sees it knows whose word it was."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import capture_pb2, config_pb2, control_pb2, orders_pb2, profile_pb2, types_pb2
from tests.stateful.program import ORDERS, Do, Program, Step
from tests.stateful.world import GROUP

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
    Do.RELOAD: "ReloadConfig",
    Do.MODE: "SetMode",
    Do.PIN: "PinSubnet",
    Do.UNPIN: "UnpinSubnet",
    Do.ROLLBACK: "Rollback",
    Do.PERMIT: "PermitSwap",
    Do.INHIBIT: "InhibitSwap",
}
ANSWERS: dict[str, type[Message]] = {
    "SetBudget": control_pb2.SetBudgetResponse,
    "RenewBudget": control_pb2.RenewBudgetResponse,
    "ReleaseBudget": control_pb2.ReleaseBudgetResponse,
    "PrepareBudget": control_pb2.PrepareBudgetResponse,
    "CommitBudget": control_pb2.CommitBudgetResponse,
    "ReportLine": control_pb2.ReportLineResponse,
    "AcknowledgeAlarm": control_pb2.AcknowledgeAlarmResponse,
    "ReloadConfig": config_pb2.ReloadConfigResponse,
    "ProfileSubnets": profile_pb2.ProfileSubnetsResponse,
    "SetMode": orders_pb2.SetModeResponse,
    "PinSubnet": orders_pb2.PinSubnetResponse,
    "UnpinSubnet": orders_pb2.UnpinSubnetResponse,
    "Rollback": orders_pb2.RollbackResponse,
    "PermitSwap": orders_pb2.PermitSwapResponse,
    "InhibitSwap": orders_pb2.InhibitSwapResponse,
}
_LATENCIES_MS = (30.0, 60.0, 75.0, 90.0, 110.0, 200.0)
MODES = (types_pb2.MODE_AUTO, types_pb2.MODE_MANUAL, types_pb2.MODE_MAINTENANCE)
SUBNETS = ("small", "middle", "large")
KINDS = (
    types_pb2.CLAIM_KIND_UNSPECIFIED,
    types_pb2.CLAIM_KIND_MAINTENANCE,
    types_pb2.CLAIM_KIND_LOCAL_OVERRIDE,
    types_pb2.CLAIM_KIND_LOCAL_OVERRIDE,
)
CAPTURED = 3  # images of one capture
_RATES = (None, None, 300.0, 900.0, 1800.0)


class Clerk:
    """Writes the requests of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def request(self, step: Step, client: str, about: str = "", etag: str = "") -> Message:
        """`about`: the prepared id that is committed, or the id of the alarm; `etag`: the newest that is known."""
        camera = self._program.setting.cameras[step.camera]
        common: dict[str, Any] = {
            "request_id": self._program.request_id(step.number) if step.with_id else "",
            "client": client,
        }
        if step.with_etag:
            common["etag"] = etag
        if step.do is Do.SET:
            return control_pb2.SetBudgetRequest(
                **common,
                camera=camera,
                budget=self.budget(step),
                ttl=_duration(step.ttl_s),
                allow_infeasible=None if step.other else step.flag,
                kind=KINDS[step.choice],
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
            whole = step.other and self._program.setting.grouped
            place = {"group": GROUP} if whole else {"camera": camera}
            return control_pb2.ReportLineRequest(
                **common, **place, stopped=step.flag, parts_per_minute=rate, ttl=_duration(step.ttl_s)
            )
        if step.do is Do.ACKNOWLEDGE:
            return control_pb2.AcknowledgeAlarmRequest(**common, alarm_id=int(about or 999_999))
        if step.do in ORDERS:
            return self._order(step, camera, common)
        if step.do is Do.RELOAD:
            return config_pb2.ReloadConfigRequest(**common)
        assert step.do is Do.PROFILE, step.do
        return profile_pb2.ProfileSubnetsRequest(
            **common,
            camera=camera,
            subnet_ids=("small",) if step.other else ("middle", "small"),
            results=20,
            while_running=step.flag,
        )

    def capture(self, step: Step, client: str, camera: str) -> capture_pb2.CaptureImagesRequest:
        """A stream, and so no request of METHODS."""
        return capture_pb2.CaptureImagesRequest(
            client=client,
            camera=camera,
            label="part",
            count=CAPTURED,
            min_interval=_duration(0.05),
            timeout=_duration(30),
        )

    def _order(self, step: Step, camera: str, common: dict[str, Any]) -> Message:
        if step.do is Do.MODE:
            return orders_pb2.SetModeRequest(**common, camera=camera, mode=MODES[step.choice - 1])
        if step.do is Do.PIN:
            return orders_pb2.PinSubnetRequest(**common, camera=camera, subnet_id=SUBNETS[step.choice - 1])
        if step.do is Do.UNPIN:
            return orders_pb2.UnpinSubnetRequest(**common, camera=camera)
        if step.do is Do.ROLLBACK:
            return orders_pb2.RollbackRequest(**common, camera=camera)
        ttl = _duration(step.ttl_s)
        if step.do is Do.PERMIT:
            return orders_pb2.PermitSwapRequest(**common, camera=camera, ttl=ttl, everyone=step.flag)
        return orders_pb2.InhibitSwapRequest(**common, camera=camera, ttl=ttl, why=f"step {step.number}")

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
