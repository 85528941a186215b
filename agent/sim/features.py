"""What registers mean: values that are made when they are read, and effects of writing them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.sim.acquisition import Acquisition, Plan
from agent.sim.chunks import ImageKey, TransferFailed
from agent.sim.faults import FaultPlan
from agent.sim.files import INJECTED, NETWORK, USER_SETS, FileEngine
from agent.sim.inference import Vpu
from agent.sim.line import ProductionLine
from agent.sim.plan import PULSE_NS, make_plan, resulting_rate
from agent.sim.registers import RegisterBank
from agent.sim.scaling import interpolate, plan_axis
from agent.sim.scene import Scene
from agent.sim.spec import SimulationSpec
from agent.sim.truth import Truth

_BYTES_PER_PIXEL = {"Mono8": 1, "Mono16": 2}


@dataclass(slots=True)
class Parts:
    """The parts of one camera. Owner: the device, under its lock."""

    spec: SimulationSpec
    bank: RegisterBank
    faults: FaultPlan
    files: FileEngine
    scene: Scene
    line: ProductionLine
    vpu: Vpu
    acquisition: Acquisition
    truth: Truth


class ImageSource:
    """Pixels by key, for the VPU and the host. Thread-safe: values are only added."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._injected: dict[str, NDArray[np.uint8]] = {}

    def inject(self, data: bytes, width: int, height: int) -> str:
        """Take an injected image: 16-bit little-endian, value << 2 (facts/firefly-dl.md section 8)."""
        digest = hashlib.sha256(data + f"{width}x{height}".encode()).hexdigest()
        size = 2 * width * height
        raw = np.frombuffer(data[:size].ljust(size, b"\0"), "<u2").reshape(height, width)
        self._injected = {**dict(list(self._injected.items())[-7:]), digest: (raw >> 2).astype(np.uint8)}
        return digest

    def scaled(self, image: ImageKey, height: int, width: int) -> NDArray[np.float32]:
        """The image as the scaler gives it to the VPU."""
        if image.source == "injected":
            pixels = self._injected[image.digest]
            rows, columns = plan_axis(pixels.shape[0], height), plan_axis(pixels.shape[1], width)
            return interpolate(pixels[np.ix_(rows.needed, columns.needed)], rows, columns)
        window = image.geometry
        rows, columns = plan_axis(window.height, height), plan_axis(window.width, width)
        region = self._scene.region(image.content, rows.needed + window.offset_y, columns.needed + window.offset_x)
        return interpolate(region, rows, columns)

    def frame(self, image: ImageKey) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """All pixels of the frame, (height, width)."""
        window = image.geometry
        if image.source == "injected":
            pixels = np.zeros((window.height, window.width), np.uint8)
            whole = self._injected[image.digest]
            part = whole[window.offset_y :, window.offset_x :][: window.height, : window.width]
            pixels[: part.shape[0], : part.shape[1]] = part
        else:
            rows = np.arange(window.offset_y, window.offset_y + window.height)
            columns = np.arange(window.offset_x, window.offset_x + window.width)
            pixels = self._scene.region(image.content, rows, columns)
        if window.pixel_format != "Mono16":
            return pixels
        return np.left_shift(pixels.astype(np.uint16), 8, dtype=np.uint16)


class Features:
    """Read and write hooks by feature name. Owner: the device, under its lock."""

    def __init__(
        self, parts: Parts, images: ImageSource, camera_ns: Callable[[int], int], owe: Callable[[float], None]
    ) -> None:
        self._parts, self._images, self._camera_ns, self._owe = parts, images, camera_ns, owe
        self.powered_ns = 0
        self.reset_wanted = False
        self._readers: dict[str, Callable[[int], float | int | str]] = {
            "DeviceTemperature": parts.vpu.warmth.read,
            "DeviceUptime": lambda now: (now - self.powered_ns) // 1_000_000_000,
            "LinkUptime": lambda now: (now - self.powered_ns) // 1_000_000_000,
            "DeviceLinkCurrentThroughput": lambda _: self._throughput(),
            "AcquisitionResultingFrameRate": lambda _: resulting_rate(parts.bank),
            "InferenceTime": lambda _: self._last("inference_ms"),
            "InferencePreprocessingTime": lambda _: self._last("preprocessing_ms"),
            "InferenceScalingTime": lambda _: self._last("scaling_ms"),
            "InferenceNetworkStatus": parts.vpu.slot.status,
            "InferenceNetworkSize": lambda now: self._property(now, "size_bytes"),
            "InferenceNetworkTotalLayers": lambda now: self._property(now, "total_layers"),
            "InferenceNetworkInputWidth": lambda now: self._property(now, "width"),
            "InferenceNetworkInputHeight": lambda now: self._property(now, "height"),
            "InferenceNetworkInputChannels": lambda now: self._property(now, "channels"),
            "InferenceNetworkOutputClasses": lambda now: self._property(now, "classes"),
            "FileSize": lambda _: parts.files.size(parts.bank.symbol("FileSelector")),
            "LineStatusAll": self._lines,
            "PayloadSize": lambda _: self._payload(),
        }
        self._writers: dict[str, Callable[[int], None]] = {
            "AcquisitionStart": self._start,
            "AcquisitionStop": self._stop,
            "TriggerSoftware": parts.acquisition.software_trigger,
            "InferenceEnable": self._enable,
            "FileOperationExecute": self._execute,
            "UserSetLoad": lambda _: self._load_set(parts.bank.symbol("UserSetSelector")),
            "UserSetSave": lambda _: self._save_set(parts.bank.symbol("UserSetSelector")),
            "TimestampLatch": lambda now: parts.bank.put("TimestampLatchValue", self._camera_ns(now)),
            "DeviceReset": lambda _: self._reset(),
        }

    def before_read(self, feature: str, now_ns: int) -> None:
        """Bring the register of `feature` up to date."""
        reader = self._readers.get(feature)
        if reader is not None:
            self._parts.bank.put(feature, reader(now_ns))
        elif feature == "LineStatus":
            self._put_lines(now_ns)

    def after_write(self, feature: str, now_ns: int) -> None:
        """Let a written register take effect."""
        writer = self._writers.get(feature)
        if writer is not None:
            writer(now_ns)
        elif self._parts.acquisition.streaming:
            self._parts.acquisition.replan(self._plan())

    def file_closed(self, name: str, now_ns: int) -> None:
        """A written file was closed: a network is loaded."""
        if name == NETWORK:
            self._parts.vpu.drop()
            self._parts.vpu.load(bytes(self._parts.files.files[NETWORK].data), now_ns)

    def file_deleted(self, name: str, now_ns: int) -> None:
        """A file was deleted: the network goes with its file, the last result stays in the chunks (pessimistic)."""
        if name == NETWORK:
            self._parts.vpu.drop()
            self._parts.vpu.slot.clear(now_ns)

    def boot(self, now_ns: int) -> None:
        """Power-on: registers from the default user set, a network from flash."""
        parts = self._parts
        self.powered_ns = now_ns
        self._load_set(parts.bank.symbol("UserSetDefault"))
        if parts.files.size(NETWORK):
            parts.vpu.load(bytes(parts.files.files[NETWORK].data), now_ns)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _last(self, field: str) -> float:
        latest = self._parts.vpu.latest
        return float(getattr(latest.time, field)) if latest else 0.0

    def _property(self, now_ns: int, field: str) -> int:
        network = self._parts.vpu.slot.ready(now_ns)
        return int(getattr(network, field)) if network else 0

    def _lines(self, now_ns: int) -> int:
        """Line0 is the part sensor, Line2 is high while the line stands (wired to the plant's controller)."""
        line = self._parts.line
        since_ns = PULSE_NS + 1
        if line.parts_per_minute > 0:
            phase = (line.passed(now_ns) - 0.5) % 1.0
            since_ns = round(phase * 60e9 / line.parts_per_minute)
        part_here = since_ns < PULSE_NS and line.passed(now_ns) >= 0.5
        return int(part_here) | (int(line.parts_per_minute <= 0) << 2)

    def _put_lines(self, now_ns: int) -> None:
        levels = self._lines(now_ns)
        for number in range(4):
            line = f"Line{number}"
            inverted = self._parts.bank.flag("LineInverter", line)
            self._parts.bank.put("LineStatus", (levels >> number & 1) ^ int(inverted), line)

    def _payload(self) -> int:
        bank = self._parts.bank
        return bank.integer("Width") * bank.integer("Height") * _BYTES_PER_PIXEL[bank.symbol("PixelFormat")]

    def _throughput(self) -> int:
        return round(self._payload() * resulting_rate(self._parts.bank))

    # -- writing ---------------------------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        return make_plan(self._parts.bank, self._injected())

    def _injected(self) -> str | None:
        bank, data = self._parts.bank, self._parts.files.files[INJECTED].data
        if bank.symbol("TestPattern", None) != "InjectedImage" or not data:
            return None
        if bank.symbol("TestPatternGeneratorSelector") != "PipelineStart":
            return None
        return self._images.inject(bytes(data), bank.integer("InjectedWidth"), bank.integer("InjectedHeight"))

    def _start(self, now_ns: int) -> None:
        parts = self._parts
        fault = parts.faults.strike("acquisition.start")
        effect = fault.effect if fault else None
        self._owe(parts.spec.transport.swap_overhead_s / 5 + (fault.seconds if fault else 0.0))
        if effect == "io_error":
            raise TransferFailed("fault: acquisition.start")
        # An open file blocks acquisition, and the camera gives no reason (facts/firefly-dl.md S7).
        if parts.files.open_name is None and not parts.acquisition.streaming and effect != "wrong_status":
            parts.acquisition.start(self._plan(), now_ns, silent=effect == "frozen")

    def _stop(self, now_ns: int) -> None:  # noqa: ARG002 - all hooks take the time
        fault = self._parts.faults.strike("acquisition.stop")
        self._owe(self._parts.spec.transport.swap_overhead_s / 5 + (fault.seconds if fault else 0.0))
        if fault and fault.effect == "io_error":
            raise TransferFailed("fault: acquisition.stop")
        if not (fault and fault.effect == "wrong_status"):
            self._parts.acquisition.stop()

    def _enable(self, now_ns: int) -> None:
        parts = self._parts
        if not parts.bank.flag("InferenceEnable"):
            parts.vpu.drop()
        else:
            fault = parts.faults.strike("inference.enable")
            self._owe(fault.seconds if fault else 0.0)
            if fault and fault.effect in {"io_error", "wrong_status"}:
                parts.bank.put("InferenceEnable", 0)
            if fault and fault.effect == "io_error":
                raise TransferFailed("fault: inference.enable")
        parts.acquisition.replan(self._plan())
        parts.acquisition.advance(now_ns)

    def _execute(self, now_ns: int) -> None:  # noqa: ARG002
        parts = self._parts
        parts.files.execute(parts.acquisition.streaming, parts.bank.flag("InferenceEnable"))

    def _reset(self) -> None:
        self.reset_wanted = True

    def _load_set(self, name: str) -> None:
        parts = self._parts
        kept = {f: parts.bank.integer(f) for f in ("UserSetSelector", "UserSetDefault", "FileSelector")}
        kept_text = {f: parts.bank.text(f) for f in ("DeviceUserID", "InferenceNetworkName")}
        parts.bank.load_defaults()
        set_identity(parts.spec, parts.bank)
        file_name = next(k for k, v in USER_SETS.items() if v == name)
        data = bytes(parts.files.files[file_name].data)
        if data:
            parts.bank.restore(parse_user_set(data))
        for feature, value in kept.items():
            parts.bank.write(parts.bank.description.register_of(feature).address, value.to_bytes(4, "little"))
        for feature, text in kept_text.items():
            parts.bank.put(feature, text)

    def _save_set(self, name: str) -> None:
        file_name = next(k for k, v in USER_SETS.items() if v == name)
        text = json.dumps(self._parts.bank.snapshot(), separators=(",", ":"), sort_keys=True)
        self._parts.files.files[file_name].data[:] = text.encode().ljust((len(text) + 3) // 4 * 4)


def set_identity(spec: SimulationSpec, bank: RegisterBank) -> None:
    """Registers whose value comes from the specification."""
    bank.put("DeviceSerialNumber", spec.serial)
    bank.put("DeviceFirmwareVersion", spec.firmware)
    bank.put("DeviceVersion", f"FW:v{spec.firmware}")
    # fw 1905.4.83 lists neither times, name, status nor properties (facts/firefly-dl.md 1.1).
    bank.put("HasInferencePropertiesReg", int(spec.firmware == "1905.4.103"))
    bank.put("InferenceNetworkMaxSize", spec.storage.max_network_bytes)
    bank.put("FileAccessBufferLengthReg", spec.transport.file_access_buffer_bytes)
    length = spec.quirks.file_access_length_bytes or spec.transport.file_access_buffer_bytes
    bank.put("FileAccessLength", min(length, spec.transport.file_access_buffer_bytes))
    bank.put("ChunkEnable", 1, "Image")


def parse_user_set(data: bytes) -> dict[str, str]:
    """Register values of a user set file; a damaged file gives the defaults, as after a factory reset."""
    try:
        values = json.loads(data)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, dict) else {}
