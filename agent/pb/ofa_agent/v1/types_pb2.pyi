import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from agent.pb.ofa_agent.v1 import config_pb2 as _config_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClaimKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLAIM_KIND_UNSPECIFIED: _ClassVar[ClaimKind]
    CLAIM_KIND_MANUAL: _ClassVar[ClaimKind]
    CLAIM_KIND_LEASE: _ClassVar[ClaimKind]
    CLAIM_KIND_MAINTENANCE: _ClassVar[ClaimKind]
    CLAIM_KIND_LOCAL_OVERRIDE: _ClassVar[ClaimKind]

class BudgetPriority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUDGET_PRIORITY_UNSPECIFIED: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_DEFAULT: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_SCHEDULE: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_LEASE: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_MANUAL: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_MAINTENANCE: _ClassVar[BudgetPriority]
    BUDGET_PRIORITY_LOCAL_OVERRIDE: _ClassVar[BudgetPriority]

class DecisionAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_ACTION_UNSPECIFIED: _ClassVar[DecisionAction]
    DECISION_ACTION_KEEP: _ClassVar[DecisionAction]
    DECISION_ACTION_SWAP: _ClassVar[DecisionAction]
    DECISION_ACTION_HOLD: _ClassVar[DecisionAction]
    DECISION_ACTION_NONE: _ClassVar[DecisionAction]

class CameraState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMERA_STATE_UNSPECIFIED: _ClassVar[CameraState]
    CAMERA_STATE_DISCONNECTED: _ClassVar[CameraState]
    CAMERA_STATE_CONNECTING: _ClassVar[CameraState]
    CAMERA_STATE_IDLE: _ClassVar[CameraState]
    CAMERA_STATE_SWAPPING: _ClassVar[CameraState]
    CAMERA_STATE_ACTIVE: _ClassVar[CameraState]
    CAMERA_STATE_FAULTED: _ClassVar[CameraState]

class SwapStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWAP_STAGE_UNSPECIFIED: _ClassVar[SwapStage]
    SWAP_STAGE_PREPARING: _ClassVar[SwapStage]
    SWAP_STAGE_WAITING_PERMIT: _ClassVar[SwapStage]
    SWAP_STAGE_STOPPING: _ClassVar[SwapStage]
    SWAP_STAGE_UPLOADING: _ClassVar[SwapStage]
    SWAP_STAGE_ACTIVATING: _ClassVar[SwapStage]
    SWAP_STAGE_VERIFYING: _ClassVar[SwapStage]
    SWAP_STAGE_ROLLING_BACK: _ClassVar[SwapStage]

class ChangeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_STATE_UNSPECIFIED: _ClassVar[ChangeState]
    CHANGE_STATE_PREPARED: _ClassVar[ChangeState]
    CHANGE_STATE_COMMITTED: _ClassVar[ChangeState]
    CHANGE_STATE_WAITING: _ClassVar[ChangeState]
    CHANGE_STATE_READY: _ClassVar[ChangeState]

class ComingSwapCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMING_SWAP_CAUSE_UNSPECIFIED: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_ANNOUNCED_CHANGE: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_MIN_DWELL: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_MEASURING: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_OTHER: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_WINDOW: _ClassVar[ComingSwapCause]
    COMING_SWAP_CAUSE_INHIBITED: _ClassVar[ComingSwapCause]

class Proof(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROOF_UNSPECIFIED: _ClassVar[Proof]
    PROOF_GOLDEN_IMAGES: _ClassVar[Proof]
    PROOF_PROPERTIES: _ClassVar[Proof]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_AUTO: _ClassVar[Mode]
    MODE_MANUAL: _ClassVar[Mode]
    MODE_MAINTENANCE: _ClassVar[Mode]

class SwapOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWAP_OUTCOME_UNSPECIFIED: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_RUNNING: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_VERIFIED: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_ROLLED_BACK: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_FAULTED: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_REFUSED: _ClassVar[SwapOutcome]
    SWAP_OUTCOME_INTERRUPTED: _ClassVar[SwapOutcome]

class AlarmSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALARM_SEVERITY_UNSPECIFIED: _ClassVar[AlarmSeverity]
    ALARM_SEVERITY_INFO: _ClassVar[AlarmSeverity]
    ALARM_SEVERITY_WARNING: _ClassVar[AlarmSeverity]
    ALARM_SEVERITY_CRITICAL: _ClassVar[AlarmSeverity]
CLAIM_KIND_UNSPECIFIED: ClaimKind
CLAIM_KIND_MANUAL: ClaimKind
CLAIM_KIND_LEASE: ClaimKind
CLAIM_KIND_MAINTENANCE: ClaimKind
CLAIM_KIND_LOCAL_OVERRIDE: ClaimKind
BUDGET_PRIORITY_UNSPECIFIED: BudgetPriority
BUDGET_PRIORITY_DEFAULT: BudgetPriority
BUDGET_PRIORITY_SCHEDULE: BudgetPriority
BUDGET_PRIORITY_LEASE: BudgetPriority
BUDGET_PRIORITY_MANUAL: BudgetPriority
BUDGET_PRIORITY_MAINTENANCE: BudgetPriority
BUDGET_PRIORITY_LOCAL_OVERRIDE: BudgetPriority
DECISION_ACTION_UNSPECIFIED: DecisionAction
DECISION_ACTION_KEEP: DecisionAction
DECISION_ACTION_SWAP: DecisionAction
DECISION_ACTION_HOLD: DecisionAction
DECISION_ACTION_NONE: DecisionAction
CAMERA_STATE_UNSPECIFIED: CameraState
CAMERA_STATE_DISCONNECTED: CameraState
CAMERA_STATE_CONNECTING: CameraState
CAMERA_STATE_IDLE: CameraState
CAMERA_STATE_SWAPPING: CameraState
CAMERA_STATE_ACTIVE: CameraState
CAMERA_STATE_FAULTED: CameraState
SWAP_STAGE_UNSPECIFIED: SwapStage
SWAP_STAGE_PREPARING: SwapStage
SWAP_STAGE_WAITING_PERMIT: SwapStage
SWAP_STAGE_STOPPING: SwapStage
SWAP_STAGE_UPLOADING: SwapStage
SWAP_STAGE_ACTIVATING: SwapStage
SWAP_STAGE_VERIFYING: SwapStage
SWAP_STAGE_ROLLING_BACK: SwapStage
CHANGE_STATE_UNSPECIFIED: ChangeState
CHANGE_STATE_PREPARED: ChangeState
CHANGE_STATE_COMMITTED: ChangeState
CHANGE_STATE_WAITING: ChangeState
CHANGE_STATE_READY: ChangeState
COMING_SWAP_CAUSE_UNSPECIFIED: ComingSwapCause
COMING_SWAP_CAUSE_ANNOUNCED_CHANGE: ComingSwapCause
COMING_SWAP_CAUSE_MIN_DWELL: ComingSwapCause
COMING_SWAP_CAUSE_MEASURING: ComingSwapCause
COMING_SWAP_CAUSE_OTHER: ComingSwapCause
COMING_SWAP_CAUSE_WINDOW: ComingSwapCause
COMING_SWAP_CAUSE_INHIBITED: ComingSwapCause
PROOF_UNSPECIFIED: Proof
PROOF_GOLDEN_IMAGES: Proof
PROOF_PROPERTIES: Proof
MODE_UNSPECIFIED: Mode
MODE_AUTO: Mode
MODE_MANUAL: Mode
MODE_MAINTENANCE: Mode
SWAP_OUTCOME_UNSPECIFIED: SwapOutcome
SWAP_OUTCOME_RUNNING: SwapOutcome
SWAP_OUTCOME_VERIFIED: SwapOutcome
SWAP_OUTCOME_ROLLED_BACK: SwapOutcome
SWAP_OUTCOME_FAULTED: SwapOutcome
SWAP_OUTCOME_REFUSED: SwapOutcome
SWAP_OUTCOME_INTERRUPTED: SwapOutcome
ALARM_SEVERITY_UNSPECIFIED: AlarmSeverity
ALARM_SEVERITY_INFO: AlarmSeverity
ALARM_SEVERITY_WARNING: AlarmSeverity
ALARM_SEVERITY_CRITICAL: AlarmSeverity

class Budget(_message.Message):
    __slots__ = ("max_latency_ms", "parts_per_minute", "min_accuracy", "quantile")
    MAX_LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MIN_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    max_latency_ms: float
    parts_per_minute: float
    min_accuracy: float
    quantile: float
    def __init__(self, max_latency_ms: _Optional[float] = ..., parts_per_minute: _Optional[float] = ..., min_accuracy: _Optional[float] = ..., quantile: _Optional[float] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("id", "client", "camera", "kind", "budget", "ttl", "remaining")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    id: str
    client: str
    camera: str
    kind: ClaimKind
    budget: Budget
    ttl: _duration_pb2.Duration
    remaining: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., client: _Optional[str] = ..., camera: _Optional[str] = ..., kind: _Optional[_Union[ClaimKind, str]] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class EffectiveBudget(_message.Message):
    __slots__ = ("id", "budget", "priority", "claim_ids", "fail_safe")
    ID_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CLAIM_IDS_FIELD_NUMBER: _ClassVar[int]
    FAIL_SAFE_FIELD_NUMBER: _ClassVar[int]
    id: str
    budget: Budget
    priority: BudgetPriority
    claim_ids: _containers.RepeatedScalarFieldContainer[str]
    fail_safe: bool
    def __init__(self, id: _Optional[str] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., priority: _Optional[_Union[BudgetPriority, str]] = ..., claim_ids: _Optional[_Iterable[str]] = ..., fail_safe: _Optional[bool] = ...) -> None: ...

class Figure(_message.Message):
    __slots__ = ("name", "value", "unit", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    unit: str
    text: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., unit: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("subnet_id", "accuracy", "service_bound_ms", "latency_bound_ms", "measured_count", "feasible", "why_not", "figures")
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_BOUND_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_BOUND_MS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    WHY_NOT_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    accuracy: float
    service_bound_ms: float
    latency_bound_ms: float
    measured_count: int
    feasible: bool
    why_not: str
    figures: _containers.RepeatedCompositeFieldContainer[Figure]
    def __init__(self, subnet_id: _Optional[str] = ..., accuracy: _Optional[float] = ..., service_bound_ms: _Optional[float] = ..., latency_bound_ms: _Optional[float] = ..., measured_count: _Optional[int] = ..., feasible: _Optional[bool] = ..., why_not: _Optional[str] = ..., figures: _Optional[_Iterable[_Union[Figure, _Mapping]]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("action", "reason", "target_subnet_id", "active_subnet_id", "feasible", "text", "budget", "candidates", "starts_in", "figures")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TARGET_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    STARTS_IN_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    action: DecisionAction
    reason: str
    target_subnet_id: str
    active_subnet_id: str
    feasible: bool
    text: str
    budget: EffectiveBudget
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    starts_in: _duration_pb2.Duration
    figures: _containers.RepeatedCompositeFieldContainer[Figure]
    def __init__(self, action: _Optional[_Union[DecisionAction, str]] = ..., reason: _Optional[str] = ..., target_subnet_id: _Optional[str] = ..., active_subnet_id: _Optional[str] = ..., feasible: _Optional[bool] = ..., text: _Optional[str] = ..., budget: _Optional[_Union[EffectiveBudget, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., starts_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., figures: _Optional[_Iterable[_Union[Figure, _Mapping]]] = ...) -> None: ...

class Arch(_message.Message):
    __slots__ = ("kernel_sizes", "expand_ratios", "depths", "resolution")
    KERNEL_SIZES_FIELD_NUMBER: _ClassVar[int]
    EXPAND_RATIOS_FIELD_NUMBER: _ClassVar[int]
    DEPTHS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    kernel_sizes: _containers.RepeatedScalarFieldContainer[int]
    expand_ratios: _containers.RepeatedScalarFieldContainer[float]
    depths: _containers.RepeatedScalarFieldContainer[int]
    resolution: int
    def __init__(self, kernel_sizes: _Optional[_Iterable[int]] = ..., expand_ratios: _Optional[_Iterable[float]] = ..., depths: _Optional[_Iterable[int]] = ..., resolution: _Optional[int] = ...) -> None: ...

class InputSpec(_message.Message):
    __slots__ = ("width", "height", "channels", "pixel_format", "mean", "scale")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    channels: int
    pixel_format: str
    mean: _containers.RepeatedScalarFieldContainer[float]
    scale: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., channels: _Optional[int] = ..., pixel_format: _Optional[str] = ..., mean: _Optional[_Iterable[float]] = ..., scale: _Optional[_Iterable[float]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("format", "target", "shaves", "sha256", "size_bytes")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SHAVES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    format: str
    target: str
    shaves: int
    sha256: str
    size_bytes: int
    def __init__(self, format: _Optional[str] = ..., target: _Optional[str] = ..., shaves: _Optional[int] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class Accuracy(_message.Message):
    __slots__ = ("top1", "sample_count", "ci95_low", "ci95_high", "dataset")
    TOP1_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CI95_LOW_FIELD_NUMBER: _ClassVar[int]
    CI95_HIGH_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    top1: float
    sample_count: int
    ci95_low: float
    ci95_high: float
    dataset: str
    def __init__(self, top1: _Optional[float] = ..., sample_count: _Optional[int] = ..., ci95_low: _Optional[float] = ..., ci95_high: _Optional[float] = ..., dataset: _Optional[str] = ...) -> None: ...

class Subnet(_message.Message):
    __slots__ = ("id", "arch", "params", "macs_dense", "macs_depthwise", "layers", "accuracy", "predicted_ms", "latency_source", "input", "artifacts", "golden_count", "active")
    ID_FIELD_NUMBER: _ClassVar[int]
    ARCH_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MACS_DENSE_FIELD_NUMBER: _ClassVar[int]
    MACS_DEPTHWISE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    id: str
    arch: Arch
    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int
    accuracy: Accuracy
    predicted_ms: float
    latency_source: str
    input: InputSpec
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    golden_count: int
    active: bool
    def __init__(self, id: _Optional[str] = ..., arch: _Optional[_Union[Arch, _Mapping]] = ..., params: _Optional[int] = ..., macs_dense: _Optional[int] = ..., macs_depthwise: _Optional[int] = ..., layers: _Optional[int] = ..., accuracy: _Optional[_Union[Accuracy, _Mapping]] = ..., predicted_ms: _Optional[float] = ..., latency_source: _Optional[str] = ..., input: _Optional[_Union[InputSpec, _Mapping]] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., golden_count: _Optional[int] = ..., active: _Optional[bool] = ...) -> None: ...

class Library(_message.Message):
    __slots__ = ("name", "version", "digest", "task", "labels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    digest: str
    task: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[str] = ..., task: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class CameraInfo(_message.Message):
    __slots__ = ("serial", "model", "firmware", "sdk_version", "max_network_bytes", "supports_injection", "warnings")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    SDK_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_NETWORK_BYTES_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_INJECTION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    serial: str
    model: str
    firmware: str
    sdk_version: str
    max_network_bytes: int
    supports_injection: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, serial: _Optional[str] = ..., model: _Optional[str] = ..., firmware: _Optional[str] = ..., sdk_version: _Optional[str] = ..., max_network_bytes: _Optional[int] = ..., supports_injection: _Optional[bool] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamCounts(_message.Message):
    __slots__ = ("frames", "incomplete", "results", "repeated_results", "stale", "dropped")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REPEATED_RESULTS_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    frames: int
    incomplete: int
    results: int
    repeated_results: int
    stale: int
    dropped: int
    def __init__(self, frames: _Optional[int] = ..., incomplete: _Optional[int] = ..., results: _Optional[int] = ..., repeated_results: _Optional[int] = ..., stale: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...

class CameraHealth(_message.Message):
    __slots__ = ("temperature_celsius", "counts", "frame_period_ms", "last_frame_age_s", "inference_period_ms")
    TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    FRAME_PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_FRAME_AGE_S_FIELD_NUMBER: _ClassVar[int]
    INFERENCE_PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    temperature_celsius: float
    counts: StreamCounts
    frame_period_ms: float
    last_frame_age_s: float
    inference_period_ms: float
    def __init__(self, temperature_celsius: _Optional[float] = ..., counts: _Optional[_Union[StreamCounts, _Mapping]] = ..., frame_period_ms: _Optional[float] = ..., last_frame_age_s: _Optional[float] = ..., inference_period_ms: _Optional[float] = ...) -> None: ...

class LatencyFigures(_message.Message):
    __slots__ = ("count", "service_p50_ms", "service_p99_ms", "latency_p50_ms", "latency_p99_ms")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SERVICE_P50_MS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_P99_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P50_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P99_MS_FIELD_NUMBER: _ClassVar[int]
    count: int
    service_p50_ms: float
    service_p99_ms: float
    latency_p50_ms: float
    latency_p99_ms: float
    def __init__(self, count: _Optional[int] = ..., service_p50_ms: _Optional[float] = ..., service_p99_ms: _Optional[float] = ..., latency_p50_ms: _Optional[float] = ..., latency_p99_ms: _Optional[float] = ...) -> None: ...

class RunningSwap(_message.Message):
    __slots__ = ("id", "to_subnet_id", "stage", "bytes_done", "bytes_total", "started_at", "expected_gap", "waits_for")
    ID_FIELD_NUMBER: _ClassVar[int]
    TO_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BYTES_DONE_FIELD_NUMBER: _ClassVar[int]
    BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAP_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    to_subnet_id: str
    stage: SwapStage
    bytes_done: int
    bytes_total: int
    started_at: _timestamp_pb2.Timestamp
    expected_gap: _duration_pb2.Duration
    waits_for: str
    def __init__(self, id: _Optional[str] = ..., to_subnet_id: _Optional[str] = ..., stage: _Optional[_Union[SwapStage, str]] = ..., bytes_done: _Optional[int] = ..., bytes_total: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waits_for: _Optional[str] = ...) -> None: ...

class LineReport(_message.Message):
    __slots__ = ("client", "stopped", "parts_per_minute", "remaining")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    client: str
    stopped: bool
    parts_per_minute: float
    remaining: _duration_pb2.Duration
    def __init__(self, client: _Optional[str] = ..., stopped: _Optional[bool] = ..., parts_per_minute: _Optional[float] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LineState(_message.Message):
    __slots__ = ("stopped", "parts_per_minute", "reports")
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    stopped: bool
    parts_per_minute: float
    reports: _containers.RepeatedCompositeFieldContainer[LineReport]
    def __init__(self, stopped: _Optional[bool] = ..., parts_per_minute: _Optional[float] = ..., reports: _Optional[_Iterable[_Union[LineReport, _Mapping]]] = ...) -> None: ...

class AnnouncedChange(_message.Message):
    __slots__ = ("prepared_id", "client", "state", "budget", "ttl", "due_in", "due_at")
    PREPARED_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    DUE_IN_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    prepared_id: str
    client: str
    state: ChangeState
    budget: Budget
    ttl: _duration_pb2.Duration
    due_in: _duration_pb2.Duration
    due_at: _timestamp_pb2.Timestamp
    def __init__(self, prepared_id: _Optional[str] = ..., client: _Optional[str] = ..., state: _Optional[_Union[ChangeState, str]] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., due_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ComingSwap(_message.Message):
    __slots__ = ("to_subnet_id", "starts_at", "starts_in", "expected_gap", "ready_at", "reason", "cause", "text")
    TO_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    STARTS_IN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAP_FIELD_NUMBER: _ClassVar[int]
    READY_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    to_subnet_id: str
    starts_at: _timestamp_pb2.Timestamp
    starts_in: _duration_pb2.Duration
    expected_gap: _duration_pb2.Duration
    ready_at: _timestamp_pb2.Timestamp
    reason: str
    cause: ComingSwapCause
    text: str
    def __init__(self, to_subnet_id: _Optional[str] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., starts_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., ready_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., cause: _Optional[_Union[ComingSwapCause, str]] = ..., text: _Optional[str] = ...) -> None: ...

class Pin(_message.Message):
    __slots__ = ("subnet_id", "client", "pinned_at", "rollback")
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    PINNED_AT_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    client: str
    pinned_at: _timestamp_pb2.Timestamp
    rollback: bool
    def __init__(self, subnet_id: _Optional[str] = ..., client: _Optional[str] = ..., pinned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rollback: _Optional[bool] = ...) -> None: ...

class Inhibition(_message.Message):
    __slots__ = ("client", "why", "remaining")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    client: str
    why: str
    remaining: _duration_pb2.Duration
    def __init__(self, client: _Optional[str] = ..., why: _Optional[str] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StandingOrders(_message.Message):
    __slots__ = ("mode", "mode_by", "pin", "inhibitions", "permit_remaining")
    MODE_FIELD_NUMBER: _ClassVar[int]
    MODE_BY_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    INHIBITIONS_FIELD_NUMBER: _ClassVar[int]
    PERMIT_REMAINING_FIELD_NUMBER: _ClassVar[int]
    mode: Mode
    mode_by: str
    pin: Pin
    inhibitions: _containers.RepeatedCompositeFieldContainer[Inhibition]
    permit_remaining: _duration_pb2.Duration
    def __init__(self, mode: _Optional[_Union[Mode, str]] = ..., mode_by: _Optional[str] = ..., pin: _Optional[_Union[Pin, _Mapping]] = ..., inhibitions: _Optional[_Iterable[_Union[Inhibition, _Mapping]]] = ..., permit_remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CameraStatus(_message.Message):
    __slots__ = ("camera", "revision", "state", "degraded", "detail", "info", "active_subnet_id", "generation", "verified", "budget", "claims", "decision", "latency", "load", "swap", "health", "swaps_total", "verified_by", "line", "changes", "coming_swap", "orders", "etag", "settled", "meets_budget")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SWAP_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    SWAPS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_BY_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    COMING_SWAP_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    MEETS_BUDGET_FIELD_NUMBER: _ClassVar[int]
    camera: str
    revision: int
    state: CameraState
    degraded: _containers.RepeatedScalarFieldContainer[str]
    detail: str
    info: CameraInfo
    active_subnet_id: str
    generation: int
    verified: bool
    budget: EffectiveBudget
    claims: _containers.RepeatedCompositeFieldContainer[Claim]
    decision: Decision
    latency: LatencyFigures
    load: float
    swap: RunningSwap
    health: CameraHealth
    swaps_total: int
    verified_by: Proof
    line: LineState
    changes: _containers.RepeatedCompositeFieldContainer[AnnouncedChange]
    coming_swap: ComingSwap
    orders: StandingOrders
    etag: str
    settled: bool
    meets_budget: bool
    def __init__(self, camera: _Optional[str] = ..., revision: _Optional[int] = ..., state: _Optional[_Union[CameraState, str]] = ..., degraded: _Optional[_Iterable[str]] = ..., detail: _Optional[str] = ..., info: _Optional[_Union[CameraInfo, _Mapping]] = ..., active_subnet_id: _Optional[str] = ..., generation: _Optional[int] = ..., verified: _Optional[bool] = ..., budget: _Optional[_Union[EffectiveBudget, _Mapping]] = ..., claims: _Optional[_Iterable[_Union[Claim, _Mapping]]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., latency: _Optional[_Union[LatencyFigures, _Mapping]] = ..., load: _Optional[float] = ..., swap: _Optional[_Union[RunningSwap, _Mapping]] = ..., health: _Optional[_Union[CameraHealth, _Mapping]] = ..., swaps_total: _Optional[int] = ..., verified_by: _Optional[_Union[Proof, str]] = ..., line: _Optional[_Union[LineState, _Mapping]] = ..., changes: _Optional[_Iterable[_Union[AnnouncedChange, _Mapping]]] = ..., coming_swap: _Optional[_Union[ComingSwap, _Mapping]] = ..., orders: _Optional[_Union[StandingOrders, _Mapping]] = ..., etag: _Optional[str] = ..., settled: _Optional[bool] = ..., meets_budget: _Optional[bool] = ...) -> None: ...

class AgentStatus(_message.Message):
    __slots__ = ("version", "started_at", "config", "journal")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    version: str
    started_at: _timestamp_pb2.Timestamp
    config: _config_pb2.ReloadReport
    journal: JournalStatus
    def __init__(self, version: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., config: _Optional[_Union[_config_pb2.ReloadReport, _Mapping]] = ..., journal: _Optional[_Union[JournalStatus, _Mapping]] = ...) -> None: ...

class JournalStatus(_message.Message):
    __slots__ = ("writable", "readable", "error", "lost_notes")
    WRITABLE_FIELD_NUMBER: _ClassVar[int]
    READABLE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LOST_NOTES_FIELD_NUMBER: _ClassVar[int]
    writable: bool
    readable: bool
    error: str
    lost_notes: int
    def __init__(self, writable: _Optional[bool] = ..., readable: _Optional[bool] = ..., error: _Optional[str] = ..., lost_notes: _Optional[int] = ...) -> None: ...

class Swap(_message.Message):
    __slots__ = ("id", "camera", "from_subnet_id", "to_subnet_id", "reason", "budget_id", "started_at", "outcome", "generation", "active_subnet_id", "duration", "gap", "failed_step", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    FROM_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    TO_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEP_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    camera: str
    from_subnet_id: str
    to_subnet_id: str
    reason: str
    budget_id: str
    started_at: _timestamp_pb2.Timestamp
    outcome: SwapOutcome
    generation: int
    active_subnet_id: str
    duration: _duration_pb2.Duration
    gap: _duration_pb2.Duration
    failed_step: str
    error: str
    def __init__(self, id: _Optional[str] = ..., camera: _Optional[str] = ..., from_subnet_id: _Optional[str] = ..., to_subnet_id: _Optional[str] = ..., reason: _Optional[str] = ..., budget_id: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[SwapOutcome, str]] = ..., generation: _Optional[int] = ..., active_subnet_id: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., failed_step: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("id", "camera", "key", "text", "raised_at", "cleared_at", "acknowledged_by", "number", "severity", "title", "action", "count", "last_seen_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RAISED_AT_FIELD_NUMBER: _ClassVar[int]
    CLEARED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    id: int
    camera: str
    key: str
    text: str
    raised_at: _timestamp_pb2.Timestamp
    cleared_at: _timestamp_pb2.Timestamp
    acknowledged_by: str
    number: int
    severity: AlarmSeverity
    title: str
    action: str
    count: int
    last_seen_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., camera: _Optional[str] = ..., key: _Optional[str] = ..., text: _Optional[str] = ..., raised_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cleared_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_by: _Optional[str] = ..., number: _Optional[int] = ..., severity: _Optional[_Union[AlarmSeverity, str]] = ..., title: _Optional[str] = ..., action: _Optional[str] = ..., count: _Optional[int] = ..., last_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("class_id", "confidence", "left", "top", "right", "bottom")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    class_id: int
    confidence: float
    left: int
    top: int
    right: int
    bottom: int
    def __init__(self, class_id: _Optional[int] = ..., confidence: _Optional[float] = ..., left: _Optional[int] = ..., top: _Optional[int] = ..., right: _Optional[int] = ..., bottom: _Optional[int] = ...) -> None: ...

class InferenceResult(_message.Message):
    __slots__ = ("camera", "sequence", "part", "subnet_id", "generation", "frame_id", "captured_ns", "class_id", "label", "confidence", "boxes", "latency_ms", "service_ms", "budget_id", "carried_ns")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_NS_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_MS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    CARRIED_NS_FIELD_NUMBER: _ClassVar[int]
    camera: str
    sequence: int
    part: int
    subnet_id: str
    generation: int
    frame_id: int
    captured_ns: int
    class_id: int
    label: str
    confidence: float
    boxes: _containers.RepeatedCompositeFieldContainer[Box]
    latency_ms: float
    service_ms: float
    budget_id: str
    carried_ns: int
    def __init__(self, camera: _Optional[str] = ..., sequence: _Optional[int] = ..., part: _Optional[int] = ..., subnet_id: _Optional[str] = ..., generation: _Optional[int] = ..., frame_id: _Optional[int] = ..., captured_ns: _Optional[int] = ..., class_id: _Optional[int] = ..., label: _Optional[str] = ..., confidence: _Optional[float] = ..., boxes: _Optional[_Iterable[_Union[Box, _Mapping]]] = ..., latency_ms: _Optional[float] = ..., service_ms: _Optional[float] = ..., budget_id: _Optional[str] = ..., carried_ns: _Optional[int] = ...) -> None: ...
