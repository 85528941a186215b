import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as _types_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptureImagesRequest(_message.Message):
    __slots__ = ("request_id", "client", "camera", "label", "count", "min_interval", "timeout")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    camera: str
    label: str
    count: int
    min_interval: _duration_pb2.Duration
    timeout: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., label: _Optional[str] = ..., count: _Optional[int] = ..., min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CaptureImagesResponse(_message.Message):
    __slots__ = ("operation_name", "image", "heartbeat", "missed", "taken", "wanted")
    OPERATION_NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    operation_name: str
    image: CapturedImage
    heartbeat: bool
    missed: int
    taken: int
    wanted: int
    def __init__(self, operation_name: _Optional[str] = ..., image: _Optional[_Union[CapturedImage, _Mapping]] = ..., heartbeat: _Optional[bool] = ..., missed: _Optional[int] = ..., taken: _Optional[int] = ..., wanted: _Optional[int] = ...) -> None: ...

class CapturedImage(_message.Message):
    __slots__ = ("sequence", "camera", "serial", "label", "data", "content_type", "captured_at", "captured_ns", "frame_id", "part", "width", "height", "offset_x", "offset_y", "pixel_format", "exposure_us", "gain_db", "subnet_id", "generation", "result", "agent_version")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_AT_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_NS_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_X_FIELD_NUMBER: _ClassVar[int]
    OFFSET_Y_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_US_FIELD_NUMBER: _ClassVar[int]
    GAIN_DB_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    camera: str
    serial: str
    label: str
    data: bytes
    content_type: str
    captured_at: _timestamp_pb2.Timestamp
    captured_ns: int
    frame_id: int
    part: int
    width: int
    height: int
    offset_x: int
    offset_y: int
    pixel_format: str
    exposure_us: float
    gain_db: float
    subnet_id: str
    generation: int
    result: _types_pb2.InferenceResult
    agent_version: str
    def __init__(self, sequence: _Optional[int] = ..., camera: _Optional[str] = ..., serial: _Optional[str] = ..., label: _Optional[str] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., captured_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., captured_ns: _Optional[int] = ..., frame_id: _Optional[int] = ..., part: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., offset_x: _Optional[int] = ..., offset_y: _Optional[int] = ..., pixel_format: _Optional[str] = ..., exposure_us: _Optional[float] = ..., gain_db: _Optional[float] = ..., subnet_id: _Optional[str] = ..., generation: _Optional[int] = ..., result: _Optional[_Union[_types_pb2.InferenceResult, _Mapping]] = ..., agent_version: _Optional[str] = ...) -> None: ...

class CaptureMetadata(_message.Message):
    __slots__ = ("camera", "label", "count", "taken", "missed", "started_at", "deadline", "cancelling")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CANCELLING_FIELD_NUMBER: _ClassVar[int]
    camera: str
    label: str
    count: int
    taken: int
    missed: int
    started_at: _timestamp_pb2.Timestamp
    deadline: _duration_pb2.Duration
    cancelling: bool
    def __init__(self, camera: _Optional[str] = ..., label: _Optional[str] = ..., count: _Optional[int] = ..., taken: _Optional[int] = ..., missed: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cancelling: _Optional[bool] = ...) -> None: ...

class CaptureResult(_message.Message):
    __slots__ = ("camera", "label", "taken", "missed")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    camera: str
    label: str
    taken: int
    missed: int
    def __init__(self, camera: _Optional[str] = ..., label: _Optional[str] = ..., taken: _Optional[int] = ..., missed: _Optional[int] = ...) -> None: ...
