import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import capture_pb2 as _capture_pb2
from agent.pb.ofa_agent.v1 import config_pb2 as _config_pb2
from agent.pb.ofa_agent.v1 import orders_pb2 as _orders_pb2
from agent.pb.ofa_agent.v1 import profile_pb2 as _profile_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SetBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "budget", "ttl", "allow_infeasible", "kind", "etag", "group")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    ALLOW_INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    budget: _types_pb2.Budget
    ttl: _duration_pb2.Duration
    allow_infeasible: bool
    kind: _types_pb2.ClaimKind
    etag: str
    group: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., budget: _Optional[_Union[_types_pb2.Budget, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., allow_infeasible: _Optional[bool] = ..., kind: _Optional[_Union[_types_pb2.ClaimKind, str]] = ..., etag: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class BudgetOutcome(_message.Message):
    __slots__ = ("camera", "claim", "effective", "decision", "swap_id", "etag", "operation")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    camera: str
    claim: _types_pb2.Claim
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    etag: str
    operation: _operations_pb2.Operation
    def __init__(self, camera: _Optional[str] = ..., claim: _Optional[_Union[_types_pb2.Claim, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., etag: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class SetBudgetResponse(_message.Message):
    __slots__ = ("claim", "effective", "decision", "swap_id", "etag", "cameras", "operation")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    claim: _types_pb2.Claim
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    etag: str
    cameras: _containers.RepeatedCompositeFieldContainer[BudgetOutcome]
    operation: _operations_pb2.Operation
    def __init__(self, claim: _Optional[_Union[_types_pb2.Claim, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., etag: _Optional[str] = ..., cameras: _Optional[_Iterable[_Union[BudgetOutcome, _Mapping]]] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class RenewBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "etag")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    etag: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RenewBudgetResponse(_message.Message):
    __slots__ = ("claim", "effective", "decision", "swap_id", "etag", "operation")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    claim: _types_pb2.Claim
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    etag: str
    operation: _operations_pb2.Operation
    def __init__(self, claim: _Optional[_Union[_types_pb2.Claim, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., etag: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class ReleaseBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "etag", "group", "announced_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCED_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    etag: str
    group: str
    announced_only: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., etag: _Optional[str] = ..., group: _Optional[str] = ..., announced_only: _Optional[bool] = ...) -> None: ...

class ReleaseBudgetResponse(_message.Message):
    __slots__ = ("effective", "decision", "swap_id", "etag", "cameras", "operation")
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    etag: str
    cameras: _containers.RepeatedCompositeFieldContainer[BudgetOutcome]
    operation: _operations_pb2.Operation
    def __init__(self, effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., etag: _Optional[str] = ..., cameras: _Optional[_Iterable[_Union[BudgetOutcome, _Mapping]]] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class PrepareBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "budget", "due_in", "due_at", "ttl")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    DUE_IN_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    budget: _types_pb2.Budget
    due_in: _duration_pb2.Duration
    due_at: _timestamp_pb2.Timestamp
    ttl: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., budget: _Optional[_Union[_types_pb2.Budget, _Mapping]] = ..., due_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PreparedChange(_message.Message):
    __slots__ = ("camera", "change", "effective", "decision", "subnet_id", "expected_accuracy", "feasible", "swap_needed", "expected_gap", "ready_at", "wait", "waiting_subnet_id")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    SWAP_NEEDED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAP_FIELD_NUMBER: _ClassVar[int]
    READY_AT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    WAITING_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    camera: str
    change: _types_pb2.AnnouncedChange
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    subnet_id: str
    expected_accuracy: float
    feasible: bool
    swap_needed: bool
    expected_gap: _duration_pb2.Duration
    ready_at: _timestamp_pb2.Timestamp
    wait: _duration_pb2.Duration
    waiting_subnet_id: str
    def __init__(self, camera: _Optional[str] = ..., change: _Optional[_Union[_types_pb2.AnnouncedChange, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., subnet_id: _Optional[str] = ..., expected_accuracy: _Optional[float] = ..., feasible: _Optional[bool] = ..., swap_needed: _Optional[bool] = ..., expected_gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., ready_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waiting_subnet_id: _Optional[str] = ...) -> None: ...

class PrepareBudgetResponse(_message.Message):
    __slots__ = ("prepared_id", "changes")
    PREPARED_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    prepared_id: str
    changes: _containers.RepeatedCompositeFieldContainer[PreparedChange]
    def __init__(self, prepared_id: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[PreparedChange, _Mapping]]] = ...) -> None: ...

class CommitBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "prepared_id", "wait_for_ready")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PREPARED_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_READY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    prepared_id: str
    wait_for_ready: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., prepared_id: _Optional[str] = ..., wait_for_ready: _Optional[bool] = ...) -> None: ...

class CommittedChange(_message.Message):
    __slots__ = ("camera", "change", "effective", "decision", "swap_id", "operation")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    camera: str
    change: _types_pb2.AnnouncedChange
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    operation: _operations_pb2.Operation
    def __init__(self, camera: _Optional[str] = ..., change: _Optional[_Union[_types_pb2.AnnouncedChange, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class CommitBudgetResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[CommittedChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[CommittedChange, _Mapping]]] = ...) -> None: ...

class ReportLineRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "stopped", "parts_per_minute", "ttl")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    stopped: bool
    parts_per_minute: float
    ttl: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., stopped: _Optional[bool] = ..., parts_per_minute: _Optional[float] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReportedLine(_message.Message):
    __slots__ = ("camera", "line", "decision", "swap_id", "operation")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    camera: str
    line: _types_pb2.LineState
    decision: _types_pb2.Decision
    swap_id: str
    operation: _operations_pb2.Operation
    def __init__(self, camera: _Optional[str] = ..., line: _Optional[_Union[_types_pb2.LineState, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class ReportLineResponse(_message.Message):
    __slots__ = ("cameras",)
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[ReportedLine]
    def __init__(self, cameras: _Optional[_Iterable[_Union[ReportedLine, _Mapping]]] = ...) -> None: ...

class AcknowledgeAlarmRequest(_message.Message):
    __slots__ = ("request_id", "client", "alarm_id")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    ALARM_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    alarm_id: int
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., alarm_id: _Optional[int] = ...) -> None: ...

class AcknowledgeAlarmResponse(_message.Message):
    __slots__ = ("alarm",)
    ALARM_FIELD_NUMBER: _ClassVar[int]
    alarm: _types_pb2.Alarm
    def __init__(self, alarm: _Optional[_Union[_types_pb2.Alarm, _Mapping]] = ...) -> None: ...
