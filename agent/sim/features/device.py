"""Identity, clock, temperature, link and reset."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.nodes.render import NEW_FIRMWARE
from agent.sim.plan import payload_bytes, resulting_rate
from agent.sim.registers import RegisterBank
from agent.sim.spec import SimulationSpec


class DeviceRoom:
    """Hooks of DeviceControl, TransportLayerControl and TransferControl. Owner: the device, under its lock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.powered_ns = 0
        self.linked_ns = 0
        self.reset_wanted = False

    @property
    def readers(self) -> Mapping[str, Reader]:
        parts = self._parts
        return {
            "DeviceTemperature": parts.vpu.warmth.read,
            "DeviceUptime": lambda now: (now - self.powered_ns) // 1_000_000_000,
            "LinkUptime": lambda now: (now - self.linked_ns) // 1_000_000_000,
            "DeviceLinkCurrentThroughput": lambda _: self._throughput(),
            "PayloadSize": lambda _: payload_bytes(parts.bank),
            "TransferQueueCurrentBlockCount": lambda _: parts.acquisition.stream.in_transit(),
            "TransferQueueOverflowCount": lambda _: parts.truth.counters["frames_dropped"],
        }

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {"TimestampLatch": self._latch, "DeviceReset": self._reset}

    def _throughput(self) -> int:
        """What the stream takes now; nothing while no image is acquired."""
        bank = self._parts.bank
        return round(payload_bytes(bank) * resulting_rate(bank)) if self._parts.acquisition.streaming else 0

    def _latch(self, now_ns: int) -> None:
        self._parts.bank.put("TimestampLatchValue", self._parts.camera_ns(now_ns))

    def _reset(self, now_ns: int) -> None:  # noqa: ARG002 - all hooks take the time
        self.reset_wanted = True


def set_identity(spec: SimulationSpec, bank: RegisterBank) -> None:
    """Registers whose value comes from the specification."""
    bank.put("DeviceSerialNumber", spec.serial)
    bank.put("DeviceFirmwareVersion", spec.firmware)
    bank.put("DeviceVersion", f"FW:v{spec.firmware}")
    bank.put("FileAccessBufferLength", spec.transport.file_access_buffer_bytes)
    length = spec.quirks.file_access_length_bytes or spec.transport.file_access_buffer_bytes
    bank.put("FileAccessLength", min(length, spec.transport.file_access_buffer_bytes))
    bank.put("ChunkEnable", 1, "Image")
    if spec.firmware == NEW_FIRMWARE:
        bank.put("InferenceNetworkMaxSize", spec.storage.max_network_bytes)
