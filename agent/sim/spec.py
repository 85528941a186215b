"""What a simulated camera is told about itself: one frozen tree of values, from and to plain mappings.

Unknown keys and values out of range are refused with the full key (`scene.parts_per_minute`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from agent.errors import BadInput

T = TypeVar("T")

Effect = Literal["io_error", "short_write", "wrong_status", "stall", "unplug", "corrupt", "wrong_output", "frozen"]
OPERATIONS = (
    "file.open",
    "file.close",
    "file.read",
    "file.write",
    "file.delete",
    "network.load",
    "inference.enable",
    "acquisition.start",
    "acquisition.stop",
    "stream",
    "inference",
    "register",
)
FIRMWARES = ("1905.4.103", "1905.4.83")


def _limits(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"limits": (low, high)}


@dataclass(frozen=True, slots=True)
class VpuSpec:
    """Timing of the VPU; the law is that of facts/myriad-blobs.md section 6."""

    time_scale: float = field(default=1.0, metadata=_limits(1e-6, 1e6))
    shave_factor: float = field(default=1.0, metadata=_limits(0.1, 10.0))
    digest_sigma: float = field(default=0.12, metadata=_limits(0.0, 2.0))
    jitter_sigma: float = field(default=0.01, metadata=_limits(0.0, 2.0))
    preprocessing_ms: float = field(default=0.8, metadata=_limits(0.0, 1e4))
    scaling_ms: float = field(default=0.4, metadata=_limits(0.0, 1e4))
    slowdown: float = field(default=1.0, metadata=_limits(0.01, 100.0))


@dataclass(frozen=True, slots=True)
class TransportSpec:
    """Costs of talking to the camera (architecture, "Transport defaults"); none is claimed for the real one."""

    file_bytes_per_s: float = field(default=5e6, metadata=_limits(1.0, 1e12))
    flash_bytes_per_s: float = field(default=4e5, metadata=_limits(1.0, 1e12))
    register_s: float = field(default=120e-6, metadata=_limits(0.0, 10.0))
    swap_overhead_s: float = field(default=0.4, metadata=_limits(0.0, 600.0))
    network_load_s: float = field(default=0.6, metadata=_limits(0.0, 600.0))
    delivery_s: float = field(default=0.005, metadata=_limits(0.0, 10.0))
    reset_s: float = field(default=3.0, metadata=_limits(0.0, 600.0))
    file_access_buffer_bytes: int = field(default=65536, metadata=_limits(64, 1 << 20))


@dataclass(frozen=True, slots=True)
class StorageSpec:
    """Room on the camera: 24 MB of flash in all (facts/firefly-dl.md S9), the rest is unknown."""

    max_network_bytes: int = field(default=48 << 20, metadata=_limits(1, 1 << 31))
    ddr_bytes: int = field(default=96 << 20, metadata=_limits(1, 1 << 31))
    flash_bytes: int = field(default=24_000_000, metadata=_limits(1, 1 << 31))


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """The production line in front of the camera. `distinct` parts repeat in turn; 0 means all differ."""

    parts_per_minute: float = field(default=120.0, metadata=_limits(0.0, 1e6))
    seed: int = field(default=0, metadata=_limits(0, 1 << 62))
    distinct: int = field(default=0, metadata=_limits(0, 1 << 40))
    # Exposure that shows the scene as it is drawn, with no gain.
    exposure_us: float = field(default=5000.0, metadata=_limits(29.0, 3e7))


@dataclass(frozen=True, slots=True)
class Quirks:
    """One field for each unknown of facts/firefly-dl.md section 7 that the simulation has to decide."""

    # Chunks keep the last result over BeginAcquisition and a change of the network.
    stale_chunks: bool = True
    # Frame ids start at 0 with each acquisition (item 12).
    frame_id_restarts: bool = True
    # Chunk value of the frame id before any inference (item 9).
    first_inference_id: int = field(default=-1, metadata=_limits(-1, 1 << 40))
    # The status node shows the old state this long after Close.
    status_lag_s: float = field(default=0.0, metadata=_limits(0.0, 60.0))
    # Deleting or writing the network needs InferenceEnable off (item 7).
    upload_needs_inference_off: bool = False
    # Writing over an existing network runs out of space (SDK-1195).
    overwrite_needs_delete: bool = True
    # A buffer write whose length is no multiple of 4 fails (facts section 2, step f).
    unaligned_write_fails: bool = True
    # FileAccessLength after power-on; 0 is the whole buffer (item 4).
    file_access_length_bytes: int = field(default=1024, metadata=_limits(0, 1 << 20))
    # The network file may be opened for reading (item 8).
    network_readable: bool = True
    # InferenceNetworkName outlives a power loss that the DDR network does not.
    name_survives_power_loss: bool = False


PESSIMISTIC = Quirks(
    first_inference_id=0,
    status_lag_s=0.05,
    upload_needs_inference_off=True,
    file_access_length_bytes=512,
    network_readable=False,
    name_survives_power_loss=True,
)
_QUIRK_SETS = {"default": Quirks(), "pessimistic": PESSIMISTIC}


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """The `nth` time `operation` happens (1 is the first), and `count` - 1 times more, `effect` strikes."""

    operation: str
    effect: Effect
    nth: int = field(default=1, metadata=_limits(1, 1 << 40))
    count: int = field(default=1, metadata=_limits(1, 1 << 40))
    seconds: float = field(default=0.0, metadata=_limits(0.0, 1e6))

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise BadInput("operation", f"is {self.operation!r}, allowed are {', '.join(OPERATIONS)}")


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """Everything that makes one simulated camera; equal specs behave equally."""

    serial: str = "20000001"
    firmware: str = "1905.4.103"
    seed: int = field(default=0, metadata=_limits(0, 1 << 62))
    vpu: VpuSpec = VpuSpec()
    transport: TransportSpec = TransportSpec()
    storage: StorageSpec = StorageSpec()
    scene: SceneSpec = SceneSpec()
    quirks: Quirks = Quirks()
    faults: tuple[FaultSpec, ...] = ()
    twins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.firmware not in FIRMWARES:
            raise BadInput("firmware", f"is {self.firmware!r}, allowed are {', '.join(FIRMWARES)}")
        if not self.serial.isascii() or not 1 <= len(self.serial) <= 31:
            raise BadInput("serial", f"is {self.serial!r}, allowed are 1 to 31 ASCII characters")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> SimulationSpec:
        """Build from plain data; raises BadInput naming the key. `quirks` may be the name of a set."""
        return _build(cls, mapping, "")

    def to_mapping(self) -> dict[str, Any]:
        """Plain data that `from_mapping` takes back."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        plain["faults"] = [dict(f) for f in plain["faults"]]
        plain["twins"] = dict(self.twins)
        return plain


def fault_from_mapping(mapping: Mapping[str, Any]) -> FaultSpec:
    """One fault from plain data; raises BadInput naming the key."""
    return _build(FaultSpec, mapping, "fault")


def _build(kind: type[T], mapping: object, path: str) -> T:
    if not isinstance(mapping, Mapping):
        raise BadInput(path or "simulation", f"is {type(mapping).__name__}, wanted a mapping")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(typing.cast(Any, kind))}
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        name = f"{path}.{key}" if path else str(key)
        if key not in known:
            raise BadInput(name, f"is unknown, allowed are {', '.join(known)}")
        values[key] = _convert(hints[key], value, name)
        _check_limits(known[key], values[key], name)
    try:
        return kind(**values)
    except BadInput as exc:
        raise BadInput(f"{path}.{exc.field}" if path else exc.field, exc.description) from exc
    except TypeError as exc:
        raise BadInput(path or "simulation", str(exc)) from exc


def _convert(hint: Any, value: Any, name: str) -> Any:
    """`value` as the type of the field, or BadInput."""
    if hint is Quirks and isinstance(value, str):
        return _choose(_QUIRK_SETS, value, name)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, typing.cast(type, hint)) else _build(typing.cast(type, hint), value, name)
    if typing.get_origin(hint) is tuple:
        return _faults(value, name)
    if typing.get_origin(hint) is Literal:
        return _choose({v: v for v in typing.get_args(hint)}, value, name)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = dict if isinstance(hint, types.GenericAlias) or typing.get_origin(hint) is not None else hint
    if not isinstance(value, Mapping if wanted is dict else wanted) or (hint is int and isinstance(value, bool)):
        raise BadInput(name, f"is {value!r}, wanted {getattr(wanted, '__name__', wanted)}")
    return value


def _faults(value: Any, name: str) -> tuple[FaultSpec, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise BadInput(name, f"is {value!r}, wanted a list")
    return tuple(v if isinstance(v, FaultSpec) else _build(FaultSpec, v, f"{name}[{i}]") for i, v in enumerate(value))


def _choose(options: Mapping[str, T], value: object, name: str) -> T:
    if not isinstance(value, str) or value not in options:
        raise BadInput(name, f"is {value!r}, allowed are {', '.join(options)}")
    return options[value]


def _check_limits(spec: dataclasses.Field[Any], value: Any, name: str) -> None:
    limits = spec.metadata.get("limits")
    if limits is not None and not limits[0] <= value <= limits[1]:
        raise BadInput(name, f"is {value}, allowed is {limits[0]} to {limits[1]}")
