import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReloadClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELOAD_CLASS_UNSPECIFIED: _ClassVar[ReloadClass]
    RELOAD_CLASS_LIVE: _ClassVar[ReloadClass]
    RELOAD_CLASS_SWAP: _ClassVar[ReloadClass]
    RELOAD_CLASS_RESTART: _ClassVar[ReloadClass]
RELOAD_CLASS_UNSPECIFIED: ReloadClass
RELOAD_CLASS_LIVE: ReloadClass
RELOAD_CLASS_SWAP: ReloadClass
RELOAD_CLASS_RESTART: ReloadClass

class ReloadConfigRequest(_message.Message):
    __slots__ = ("request_id", "client", "validate_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    client: str
    validate_only: bool
    def __init__(self, request_id: _Optional[str] = ..., client: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ReloadConfigResponse(_message.Message):
    __slots__ = ("changes", "applied")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[ConfigChange]
    applied: bool
    def __init__(self, changes: _Optional[_Iterable[_Union[ConfigChange, _Mapping]]] = ..., applied: _Optional[bool] = ...) -> None: ...

class ConfigChange(_message.Message):
    __slots__ = ("key", "reload_class", "before", "after")
    KEY_FIELD_NUMBER: _ClassVar[int]
    RELOAD_CLASS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    key: str
    reload_class: ReloadClass
    before: str
    after: str
    def __init__(self, key: _Optional[str] = ..., reload_class: _Optional[_Union[ReloadClass, str]] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ReloadReport(_message.Message):
    __slots__ = ("at", "ok", "origin", "error", "changes", "on_last_good")
    AT_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ON_LAST_GOOD_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    ok: bool
    origin: str
    error: str
    changes: _containers.RepeatedCompositeFieldContainer[ConfigChange]
    on_last_good: bool
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ok: _Optional[bool] = ..., origin: _Optional[str] = ..., error: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[ConfigChange, _Mapping]]] = ..., on_last_good: _Optional[bool] = ...) -> None: ...
