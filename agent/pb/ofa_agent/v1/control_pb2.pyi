import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SetBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "budget", "ttl", "allow_infeasible")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    ALLOW_INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    budget: _types_pb2.Budget
    ttl: _duration_pb2.Duration
    allow_infeasible: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., budget: _Optional[_Union[_types_pb2.Budget, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., allow_infeasible: _Optional[bool] = ...) -> None: ...

class SetBudgetResponse(_message.Message):
    __slots__ = ("claim", "effective", "decision", "swap_id")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    claim: _types_pb2.Claim
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    def __init__(self, claim: _Optional[_Union[_types_pb2.Claim, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ...) -> None: ...

class RenewBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ...) -> None: ...

class RenewBudgetResponse(_message.Message):
    __slots__ = ("claim", "effective", "decision", "swap_id")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    claim: _types_pb2.Claim
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    def __init__(self, claim: _Optional[_Union[_types_pb2.Claim, _Mapping]] = ..., effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ...) -> None: ...

class ReleaseBudgetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ...) -> None: ...

class ReleaseBudgetResponse(_message.Message):
    __slots__ = ("effective", "decision", "swap_id")
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    effective: _types_pb2.EffectiveBudget
    decision: _types_pb2.Decision
    swap_id: str
    def __init__(self, effective: _Optional[_Union[_types_pb2.EffectiveBudget, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., swap_id: _Optional[str] = ...) -> None: ...

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
