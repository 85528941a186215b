"""Which role each call needs. A call that is not in the table is for nobody: a new one has to be given its role."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.domain.access import Role

_STATUS, _CONTROL = "ofa_agent.v1.StatusService", "ofa_agent.v1.ControlService"
_OPERATIONS = "google.longrunning.Operations"

_READ = (
    *(f"{_STATUS}.{name}" for name in ("GetStatus", "WatchStatus", "WatchResults", "ListSubnets", "GetSubnet")),
    *(f"{_STATUS}.{name}" for name in ("Explain", "ListSwaps", "ListAlarms", "GetPreview")),
    *(f"{_OPERATIONS}.{name}" for name in ("GetOperation", "ListOperations", "WaitOperation")),
    *(f"grpc.health.v1.Health.{name}" for name in ("Check", "List", "Watch")),
    *(f"grpc.reflection.{version}.ServerReflection.ServerReflectionInfo" for version in ("v1", "v1alpha")),
)
_LINE = (
    *(f"{_CONTROL}.{name}" for name in ("SetBudget", "RenewBudget", "ReleaseBudget", "PrepareBudget", "CommitBudget")),
    *(f"{_CONTROL}.{name}" for name in ("ReportLine", "PinSubnet", "UnpinSubnet", "Rollback", "SetMode")),
    *(f"{_CONTROL}.{name}" for name in ("PermitSwap", "InhibitSwap", "AcknowledgeAlarm", "ProfileSubnets")),
    *(f"{_CONTROL}.{name}" for name in ("CaptureImages",)),
    *(f"{_OPERATIONS}.{name}" for name in ("CancelOperation", "DeleteOperation")),
)
# They tell of, or change, what belongs to the whole agent and not to a line.
_AGENT = (f"{_STATUS}.ListAuditEntries", f"{_CONTROL}.ReloadConfig")

NEEDS: Mapping[str, Role] = MappingProxyType(
    {
        **dict.fromkeys(_READ, Role.READ),
        **dict.fromkeys(_LINE, Role.CONTROL),
        **dict.fromkeys(_AGENT, Role.ADMIN),
    }
)
