import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SetModeRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "etag", "mode")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    etag: str
    mode: _types_pb2.Mode
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., etag: _Optional[str] = ..., mode: _Optional[_Union[_types_pb2.Mode, str]] = ...) -> None: ...

class SetModeResponse(_message.Message):
    __slots__ = ("cameras",)
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[OrderOutcome]
    def __init__(self, cameras: _Optional[_Iterable[_Union[OrderOutcome, _Mapping]]] = ...) -> None: ...

class PinSubnetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "etag", "subnet_id")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    etag: str
    subnet_id: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., etag: _Optional[str] = ..., subnet_id: _Optional[str] = ...) -> None: ...

class PinSubnetResponse(_message.Message):
    __slots__ = ("decision", "orders", "etag", "operation")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    orders: _types_pb2.StandingOrders
    etag: str
    operation: _operations_pb2.Operation
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., orders: _Optional[_Union[_types_pb2.StandingOrders, _Mapping]] = ..., etag: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class UnpinSubnetRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "etag")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    etag: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class UnpinSubnetResponse(_message.Message):
    __slots__ = ("cameras",)
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[OrderOutcome]
    def __init__(self, cameras: _Optional[_Iterable[_Union[OrderOutcome, _Mapping]]] = ...) -> None: ...

class RollbackRequest(_message.Message):
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

class RollbackResponse(_message.Message):
    __slots__ = ("decision", "orders", "etag", "operation")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    orders: _types_pb2.StandingOrders
    etag: str
    operation: _operations_pb2.Operation
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., orders: _Optional[_Union[_types_pb2.StandingOrders, _Mapping]] = ..., etag: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class PermitSwapRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "etag", "ttl", "everyone", "lift_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EVERYONE_FIELD_NUMBER: _ClassVar[int]
    LIFT_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    etag: str
    ttl: _duration_pb2.Duration
    everyone: bool
    lift_only: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., etag: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., everyone: _Optional[bool] = ..., lift_only: _Optional[bool] = ...) -> None: ...

class PermitSwapResponse(_message.Message):
    __slots__ = ("cameras",)
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[OrderOutcome]
    def __init__(self, cameras: _Optional[_Iterable[_Union[OrderOutcome, _Mapping]]] = ...) -> None: ...

class InhibitSwapRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "group", "etag", "ttl", "why")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    group: str
    etag: str
    ttl: _duration_pb2.Duration
    why: str
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., group: _Optional[str] = ..., etag: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., why: _Optional[str] = ...) -> None: ...

class InhibitSwapResponse(_message.Message):
    __slots__ = ("cameras",)
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[OrderOutcome]
    def __init__(self, cameras: _Optional[_Iterable[_Union[OrderOutcome, _Mapping]]] = ...) -> None: ...

class OrderOutcome(_message.Message):
    __slots__ = ("camera", "decision", "orders", "etag", "operation")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    camera: str
    decision: _types_pb2.Decision
    orders: _types_pb2.StandingOrders
    etag: str
    operation: _operations_pb2.Operation
    def __init__(self, camera: _Optional[str] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., orders: _Optional[_Union[_types_pb2.StandingOrders, _Mapping]] = ..., etag: _Optional[str] = ..., operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class SwapMetadata(_message.Message):
    __slots__ = ("camera", "swap_id", "from_subnet_id", "to_subnet_id", "reason", "stage", "bytes_done", "bytes_total", "progress", "gap_so_far", "expected_gap", "started_at", "deadline", "cancelling")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SWAP_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    TO_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BYTES_DONE_FIELD_NUMBER: _ClassVar[int]
    BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GAP_SO_FAR_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAP_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CANCELLING_FIELD_NUMBER: _ClassVar[int]
    camera: str
    swap_id: str
    from_subnet_id: str
    to_subnet_id: str
    reason: str
    stage: _types_pb2.SwapStage
    bytes_done: int
    bytes_total: int
    progress: float
    gap_so_far: _duration_pb2.Duration
    expected_gap: _duration_pb2.Duration
    started_at: _timestamp_pb2.Timestamp
    deadline: _duration_pb2.Duration
    cancelling: bool
    def __init__(self, camera: _Optional[str] = ..., swap_id: _Optional[str] = ..., from_subnet_id: _Optional[str] = ..., to_subnet_id: _Optional[str] = ..., reason: _Optional[str] = ..., stage: _Optional[_Union[_types_pb2.SwapStage, str]] = ..., bytes_done: _Optional[int] = ..., bytes_total: _Optional[int] = ..., progress: _Optional[float] = ..., gap_so_far: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cancelling: _Optional[bool] = ...) -> None: ...

class SwapResult(_message.Message):
    __slots__ = ("swap",)
    SWAP_FIELD_NUMBER: _ClassVar[int]
    swap: _types_pb2.Swap
    def __init__(self, swap: _Optional[_Union[_types_pb2.Swap, _Mapping]] = ...) -> None: ...
