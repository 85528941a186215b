"""What a simulated camera is told about itself: one frozen tree of values, from and to plain mappings.

Unknown keys and values out of range are refused with the full key (`scene.parts_per_minute`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from agent.errors import BadInput
from agent.sim.faults import CALM, OPERATIONS, Effect, FaultSpec, FaultStorm, fault_from_mapping
from agent.sim.mapping import build, limits
from agent.sim.quirks import PESSIMISTIC, QUIRK_SETS, Quirks

__all__ = [
    "FIRMWARES", "NEW_FIRMWARE", "OLD_FIRMWARE", "OPERATIONS", "PESSIMISTIC", "Effect", "FaultSpec", "FaultStorm",
    "LineStop", "Quirks", "SceneSpec", "SimulationSpec", "StorageSpec", "ThermalSpec", "TransportSpec", "VpuSpec",
    "fault_from_mapping",
]  # fmt: skip

NEW_FIRMWARE, OLD_FIRMWARE = "1905.4.103", "1905.4.83"
FIRMWARES = (NEW_FIRMWARE, OLD_FIRMWARE)


@dataclass(frozen=True, slots=True)
class ThermalSpec:
    """The camera as one body that the VPU heats; no limit of the real camera is known (facts section 7, item 13).

    Idle it settles `idle_rise_c` above the surroundings, with the VPU always busy `load_rise_c` more. From `limit_c`
    on the clock is stepped down, which makes inferences `slowdown` times as long, until `resume_c` is reached.
    """

    ambient_c: float = field(default=25.0, metadata=limits(-40.0, 100.0))
    idle_rise_c: float = field(default=13.0, metadata=limits(0.0, 100.0))
    load_rise_c: float = field(default=17.0, metadata=limits(0.0, 200.0))
    tau_s: float = field(default=180.0, metadata=limits(0.001, 1e6))
    limit_c: float = field(default=85.0, metadata=limits(-40.0, 1000.0))
    resume_c: float = field(default=80.0, metadata=limits(-40.0, 1000.0))
    slowdown: float = field(default=1.5, metadata=limits(1.0, 100.0))

    def __post_init__(self) -> None:
        if self.resume_c > self.limit_c:
            raise BadInput("resume_c", f"is {self.resume_c}, allowed is at most limit_c, {self.limit_c}")


@dataclass(frozen=True, slots=True)
class VpuSpec:
    """Timing of the VPU; the law is that of facts/myriad-blobs.md section 6."""

    time_scale: float = field(default=1.0, metadata=limits(1e-6, 1e6))
    shave_factor: float = field(default=1.0, metadata=limits(0.1, 10.0))
    digest_sigma: float = field(default=0.12, metadata=limits(0.0, 2.0))
    jitter_sigma: float = field(default=0.01, metadata=limits(0.0, 2.0))
    preprocessing_ms: float = field(default=0.8, metadata=limits(0.0, 1e4))
    scaling_ms: float = field(default=0.4, metadata=limits(0.0, 1e4))
    slowdown: float = field(default=1.0, metadata=limits(0.01, 100.0))
    thermal: ThermalSpec = ThermalSpec()


@dataclass(frozen=True, slots=True)
class TransportSpec:
    """Costs of talking to the camera (architecture, "Transport defaults"); none is claimed for the real one.

    Opening a file costs nothing beyond the operation, deleting one in flash erases it.
    """

    file_bytes_per_s: float = field(default=5e6, metadata=limits(1.0, 1e12))
    flash_bytes_per_s: float = field(default=4e5, metadata=limits(1.0, 1e12))
    flash_erase_bytes_per_s: float = field(default=4e6, metadata=limits(1.0, 1e12))
    register_s: float = field(default=120e-6, metadata=limits(0.0, 10.0))
    swap_overhead_s: float = field(default=0.4, metadata=limits(0.0, 600.0))
    network_load_s: float = field(default=0.6, metadata=limits(0.0, 600.0))
    delivery_s: float = field(default=0.005, metadata=limits(0.0, 10.0))
    event_delivery_s: float = field(default=0.001, metadata=limits(0.0, 10.0))
    reset_s: float = field(default=3.0, metadata=limits(0.0, 600.0))
    file_access_buffer_bytes: int = field(default=65536, metadata=limits(64, 1 << 20))


@dataclass(frozen=True, slots=True)
class StorageSpec:
    """Room on the camera: 24 MB of flash and a 32 MB image buffer (facts/firefly-dl.md S9), the rest is unknown.

    `flash_file` names a file that keeps the flash from one device process to the next; each camera needs its own.
    After `flash_endurance_writes` times of erasing and writing a file, flash takes no more writes.
    """

    max_network_bytes: int = field(default=48 << 20, metadata=limits(1, 1 << 31))
    ddr_bytes: int = field(default=96 << 20, metadata=limits(1, 1 << 31))
    flash_bytes: int = field(default=24_000_000, metadata=limits(1, 1 << 31))
    image_buffer_bytes: int = field(default=32_000_000, metadata=limits(0, 1 << 31))
    flash_endurance_writes: int = field(default=100_000, metadata=limits(0, 1 << 40))
    flash_file: str = ""


@dataclass(frozen=True, slots=True)
class LineStop:
    """The line stands from `from_s` until `until_s` after the device was made, whatever its rate is."""

    from_s: float = field(metadata=limits(0.0, 1e9))
    until_s: float = field(metadata=limits(0.0, 1e9))

    def __post_init__(self) -> None:
        if self.until_s <= self.from_s:
            raise BadInput("until_s", f"is {self.until_s:g}, allowed is more than from_s, {self.from_s:g}")


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """The production line in front of the camera. `distinct` parts repeat in turn; 0 means all differ."""

    parts_per_minute: float = field(default=120.0, metadata=limits(0.0, 1e6))
    seed: int = field(default=0, metadata=limits(0, 1 << 62))
    distinct: int = field(default=0, metadata=limits(0, 1 << 40))
    # Exposure that shows the scene as it is drawn, with no gain.
    exposure_us: float = field(default=5000.0, metadata=limits(29.0, 3e7))
    stops: tuple[LineStop, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.stops, key=lambda stop: stop.from_s)
        for earlier, later in pairwise(ordered):
            if later.from_s < earlier.until_s:
                raise BadInput("stops", f"overlap at {later.from_s:g} s; write them as one")


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """Everything that makes one simulated camera; equal specs behave equally.

    `twins` names the IR that runs in the place of a compiled network, by the sha256 of that. One without a twin is
    taken and answered by a stand-in, or ends in status Error if `blobs_need_twin`.
    """

    serial: str = "20000001"
    firmware: str = NEW_FIRMWARE
    seed: int = field(default=0, metadata=limits(0, 1 << 62))
    vpu: VpuSpec = VpuSpec()
    transport: TransportSpec = TransportSpec()
    storage: StorageSpec = StorageSpec()
    scene: SceneSpec = SceneSpec()
    quirks: Quirks = QUIRK_SETS["default"]
    faults: tuple[FaultSpec, ...] = ()
    fault_storm: FaultStorm = CALM
    twins: Mapping[str, str] = field(default_factory=dict)
    blobs_need_twin: bool = False

    def __post_init__(self) -> None:
        if self.firmware not in FIRMWARES:
            raise BadInput("firmware", f"is {self.firmware!r}, allowed are {', '.join(FIRMWARES)}")
        if not self.serial.isascii() or not 1 <= len(self.serial) <= 31:
            raise BadInput("serial", f"is {self.serial!r}, allowed are 1 to 31 ASCII characters")

    @property
    def old_firmware(self) -> bool:
        """Whether the flaws that 1905.4.103 mends are there (facts/firefly-dl.md section 4, S10)."""
        return self.firmware == OLD_FIRMWARE

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> SimulationSpec:
        """Build from plain data; raises BadInput naming the key. `quirks` may be the name of a set."""
        return build(cls, mapping, "", {Quirks: QUIRK_SETS})

    def to_mapping(self) -> dict[str, Any]:
        """Plain data that `from_mapping` takes back."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        plain["faults"] = [dict(f) for f in plain["faults"]]
        plain["twins"] = dict(self.twins)
        return plain
