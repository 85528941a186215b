import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProfileStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROFILE_STAGE_UNSPECIFIED: _ClassVar[ProfileStage]
    PROFILE_STAGE_SWAPPING: _ClassVar[ProfileStage]
    PROFILE_STAGE_MEASURING: _ClassVar[ProfileStage]
    PROFILE_STAGE_RETURNING: _ClassVar[ProfileStage]
    PROFILE_STAGE_DONE: _ClassVar[ProfileStage]
PROFILE_STAGE_UNSPECIFIED: ProfileStage
PROFILE_STAGE_SWAPPING: ProfileStage
PROFILE_STAGE_MEASURING: ProfileStage
PROFILE_STAGE_RETURNING: ProfileStage
PROFILE_STAGE_DONE: ProfileStage

class ProfileSubnetsRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "subnet_ids", "results", "while_running", "validate_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SUBNET_IDS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    WHILE_RUNNING_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    subnet_ids: _containers.RepeatedScalarFieldContainer[str]
    results: int
    while_running: bool
    validate_only: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., subnet_ids: _Optional[_Iterable[str]] = ..., results: _Optional[int] = ..., while_running: _Optional[bool] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ProfileSubnetsResponse(_message.Message):
    __slots__ = ("plan", "decision", "operation")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    plan: ProfilePlan
    decision: _types_pb2.Decision
    operation: _operations_pb2.Operation
    def __init__(self, plan: _Optional[_Union[ProfilePlan, _Mapping]] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class ProfilePlan(_message.Message):
    __slots__ = ("subnet_ids", "results", "takes", "gaps")
    SUBNET_IDS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TAKES_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    subnet_ids: _containers.RepeatedScalarFieldContainer[str]
    results: int
    takes: _duration_pb2.Duration
    gaps: _duration_pb2.Duration
    def __init__(self, subnet_ids: _Optional[_Iterable[str]] = ..., results: _Optional[int] = ..., takes: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., gaps: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ProfileSubnetsMetadata(_message.Message):
    __slots__ = ("camera", "stage", "subnet_id", "done", "total", "remaining", "started_at", "cancelling", "subnets", "deadline")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    CANCELLING_FIELD_NUMBER: _ClassVar[int]
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    camera: str
    stage: ProfileStage
    subnet_id: str
    done: int
    total: int
    remaining: _duration_pb2.Duration
    started_at: _timestamp_pb2.Timestamp
    cancelling: bool
    subnets: _containers.RepeatedCompositeFieldContainer[ProfiledSubnet]
    deadline: _duration_pb2.Duration
    def __init__(self, camera: _Optional[str] = ..., stage: _Optional[_Union[ProfileStage, str]] = ..., subnet_id: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancelling: _Optional[bool] = ..., subnets: _Optional[_Iterable[_Union[ProfiledSubnet, _Mapping]]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ProfileSubnetsResult(_message.Message):
    __slots__ = ("camera", "subnets")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    camera: str
    subnets: _containers.RepeatedCompositeFieldContainer[ProfiledSubnet]
    def __init__(self, camera: _Optional[str] = ..., subnets: _Optional[_Iterable[_Union[ProfiledSubnet, _Mapping]]] = ...) -> None: ...

class ProfiledSubnet(_message.Message):
    __slots__ = ("subnet_id", "error", "count", "median_ms", "p99_ms", "sigma", "swap")
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_MS_FIELD_NUMBER: _ClassVar[int]
    P99_MS_FIELD_NUMBER: _ClassVar[int]
    SIGMA_FIELD_NUMBER: _ClassVar[int]
    SWAP_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    error: str
    count: int
    median_ms: float
    p99_ms: float
    sigma: float
    swap: _duration_pb2.Duration
    def __init__(self, subnet_id: _Optional[str] = ..., error: _Optional[str] = ..., count: _Optional[int] = ..., median_ms: _Optional[float] = ..., p99_ms: _Optional[float] = ..., sigma: _Optional[float] = ..., swap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
