import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import audit_pb2 as _audit_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ("camera",)
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    camera: str
    def __init__(self, camera: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("cameras", "agent")
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[_types_pb2.CameraStatus]
    agent: _types_pb2.AgentStatus
    def __init__(self, cameras: _Optional[_Iterable[_Union[_types_pb2.CameraStatus, _Mapping]]] = ..., agent: _Optional[_Union[_types_pb2.AgentStatus, _Mapping]] = ...) -> None: ...

class WatchStatusRequest(_message.Message):
    __slots__ = ("camera", "resume_epoch", "resume_revision")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    RESUME_EPOCH_FIELD_NUMBER: _ClassVar[int]
    RESUME_REVISION_FIELD_NUMBER: _ClassVar[int]
    camera: str
    resume_epoch: str
    resume_revision: int
    def __init__(self, camera: _Optional[str] = ..., resume_epoch: _Optional[str] = ..., resume_revision: _Optional[int] = ...) -> None: ...

class WatchStatusResponse(_message.Message):
    __slots__ = ("status", "revision", "epoch", "dropped", "heartbeat")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    status: _types_pb2.CameraStatus
    revision: int
    epoch: str
    dropped: int
    heartbeat: bool
    def __init__(self, status: _Optional[_Union[_types_pb2.CameraStatus, _Mapping]] = ..., revision: _Optional[int] = ..., epoch: _Optional[str] = ..., dropped: _Optional[int] = ..., heartbeat: _Optional[bool] = ...) -> None: ...

class ListSubnetsRequest(_message.Message):
    __slots__ = ("camera",)
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    camera: str
    def __init__(self, camera: _Optional[str] = ...) -> None: ...

class ListSubnetsResponse(_message.Message):
    __slots__ = ("library", "subnets")
    LIBRARY_FIELD_NUMBER: _ClassVar[int]
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    library: _types_pb2.Library
    subnets: _containers.RepeatedCompositeFieldContainer[_types_pb2.Subnet]
    def __init__(self, library: _Optional[_Union[_types_pb2.Library, _Mapping]] = ..., subnets: _Optional[_Iterable[_Union[_types_pb2.Subnet, _Mapping]]] = ...) -> None: ...

class GetSubnetRequest(_message.Message):
    __slots__ = ("camera", "subnet_id")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    camera: str
    subnet_id: str
    def __init__(self, camera: _Optional[str] = ..., subnet_id: _Optional[str] = ...) -> None: ...

class GetSubnetResponse(_message.Message):
    __slots__ = ("subnet",)
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    subnet: _types_pb2.Subnet
    def __init__(self, subnet: _Optional[_Union[_types_pb2.Subnet, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("camera", "budget")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    camera: str
    budget: _types_pb2.Budget
    def __init__(self, camera: _Optional[str] = ..., budget: _Optional[_Union[_types_pb2.Budget, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ...) -> None: ...

class ListSwapsRequest(_message.Message):
    __slots__ = ("camera", "limit")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    camera: str
    limit: int
    def __init__(self, camera: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListSwapsResponse(_message.Message):
    __slots__ = ("swaps",)
    SWAPS_FIELD_NUMBER: _ClassVar[int]
    swaps: _containers.RepeatedCompositeFieldContainer[_types_pb2.Swap]
    def __init__(self, swaps: _Optional[_Iterable[_Union[_types_pb2.Swap, _Mapping]]] = ...) -> None: ...

class ListAlarmsRequest(_message.Message):
    __slots__ = ("camera", "include_cleared")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CLEARED_FIELD_NUMBER: _ClassVar[int]
    camera: str
    include_cleared: bool
    def __init__(self, camera: _Optional[str] = ..., include_cleared: _Optional[bool] = ...) -> None: ...

class ListAlarmsResponse(_message.Message):
    __slots__ = ("alarms",)
    ALARMS_FIELD_NUMBER: _ClassVar[int]
    alarms: _containers.RepeatedCompositeFieldContainer[_types_pb2.Alarm]
    def __init__(self, alarms: _Optional[_Iterable[_Union[_types_pb2.Alarm, _Mapping]]] = ...) -> None: ...

class WatchResultsRequest(_message.Message):
    __slots__ = ("camera", "buffer", "subnet_ids", "class_ids", "labels", "min_confidence", "max_confidence", "every_nth")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    BUFFER_FIELD_NUMBER: _ClassVar[int]
    SUBNET_IDS_FIELD_NUMBER: _ClassVar[int]
    CLASS_IDS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVERY_NTH_FIELD_NUMBER: _ClassVar[int]
    camera: str
    buffer: int
    subnet_ids: _containers.RepeatedScalarFieldContainer[str]
    class_ids: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    min_confidence: float
    max_confidence: float
    every_nth: int
    def __init__(self, camera: _Optional[str] = ..., buffer: _Optional[int] = ..., subnet_ids: _Optional[_Iterable[str]] = ..., class_ids: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[str]] = ..., min_confidence: _Optional[float] = ..., max_confidence: _Optional[float] = ..., every_nth: _Optional[int] = ...) -> None: ...

class WatchResultsResponse(_message.Message):
    __slots__ = ("result", "dropped", "heartbeat")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    result: _types_pb2.InferenceResult
    dropped: int
    heartbeat: bool
    def __init__(self, result: _Optional[_Union[_types_pb2.InferenceResult, _Mapping]] = ..., dropped: _Optional[int] = ..., heartbeat: _Optional[bool] = ...) -> None: ...

class GetPreviewRequest(_message.Message):
    __slots__ = ("camera", "max_width")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    MAX_WIDTH_FIELD_NUMBER: _ClassVar[int]
    camera: str
    max_width: int
    def __init__(self, camera: _Optional[str] = ..., max_width: _Optional[int] = ...) -> None: ...

class GetPreviewResponse(_message.Message):
    __slots__ = ("camera", "data", "content_type", "width", "height", "frame_width", "frame_height", "frame_id", "part", "captured_at", "captured_ns", "subnet_id", "generation", "result")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_WIDTH_FIELD_NUMBER: _ClassVar[int]
    FRAME_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_AT_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_NS_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    camera: str
    data: bytes
    content_type: str
    width: int
    height: int
    frame_width: int
    frame_height: int
    frame_id: int
    part: int
    captured_at: _timestamp_pb2.Timestamp
    captured_ns: int
    subnet_id: str
    generation: int
    result: _types_pb2.InferenceResult
    def __init__(self, camera: _Optional[str] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., frame_width: _Optional[int] = ..., frame_height: _Optional[int] = ..., frame_id: _Optional[int] = ..., part: _Optional[int] = ..., captured_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., captured_ns: _Optional[int] = ..., subnet_id: _Optional[str] = ..., generation: _Optional[int] = ..., result: _Optional[_Union[_types_pb2.InferenceResult, _Mapping]] = ...) -> None: ...
