"""ReloadConfig, and how the last reload ended, on the wire."""

from __future__ import annotations

from agent.api.enums import RELOAD_CLASSES
from agent.api.moment import timestamp
from agent.domain.reload import Change, Reloading, ReloadOrigin, ReloadOutcome, ReloadReport
from agent.errors import Refused
from agent.pb.ofa_agent.v1 import config_pb2


async def reload_config(
    config: Reloading | None, request: config_pb2.ReloadConfigRequest
) -> config_pb2.ReloadConfigResponse:
    """Take over the file, or tell what would change. Raises as Reloading.reload; Refused where there is no file."""
    if config is None:
        raise Refused("this agent was not started from a config file")
    report = await config.reload(ReloadOrigin.CALL, request.validate_only)
    return config_pb2.ReloadConfigResponse(
        changes=[change(one) for one in report.changes], applied=report.outcome is ReloadOutcome.APPLIED
    )


def reload_report(report: ReloadReport) -> config_pb2.ReloadReport:
    """How the last reload ended, for AgentStatus."""
    return config_pb2.ReloadReport(
        at=timestamp(report.wall_ns),
        ok=report.ok,
        origin=report.origin.value,
        error=report.error,
        changes=[change(one) for one in report.changes],
        on_last_good=report.on_last_good,
    )


def change(one: Change) -> config_pb2.ConfigChange:
    """One key that has another value."""
    return config_pb2.ConfigChange(
        key=one.key, reload_class=RELOAD_CLASSES[one.reload], before=one.before, after=one.after
    )
