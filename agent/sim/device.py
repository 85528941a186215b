"""The device half: a Firefly DL as registers, files, sensor, VPU and the line in front of it.

No threads: every call first replays what happened since the last one (`Acquisition.advance`). Everything is guarded by
one lock, is deterministic from the specification and the clock, and never waits: the time that a transfer would take
is owed, and whoever talks to the device pays it (`take_debt`) without holding a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock, Signal
from agent.sim.acquisition import Acquisition, BufferMode
from agent.sim.chunks import Frame, LinkBusy, LinkGone, TransferFailed
from agent.sim.faults import FaultPlan
from agent.sim.features.device import set_identity
from agent.sim.features.dispatch import Features
from agent.sim.features.images import ImageSource
from agent.sim.features.parts import Parts
from agent.sim.files import FileEngine
from agent.sim.inference import Inference, Vpu
from agent.sim.line import ProductionLine
from agent.sim.registers import RegisterBank, load_description
from agent.sim.scene import Scene
from agent.sim.spec import FaultSpec, SimulationSpec
from agent.sim.truth import Truth, TruthReport
from agent.sim.vpu import Executor

T = TypeVar("T")

MODEL = "Firefly FFY-U3-16S2M-DL"
_BUFFER = "FileAccessBuffer"
# A camera that was powered for a while: its clock does not start at 0.
_CAMERA_START_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What enumeration shows of a camera."""

    serial: str
    model: str
    firmware: str


class Firefly:
    """One simulated camera. Thread-safe."""

    def __init__(self, spec: SimulationSpec, clock: Clock) -> None:
        self.spec = spec
        self.clock = clock
        self._listeners: list[Signal] = []
        self._lock = threading.RLock()
        self._debt_s = 0.0
        self._present = True
        self._attached = False
        self._absent_until_ns = 0
        self._epoch = 0
        now_ns = clock.now_ns()
        self._offset_ns = _CAMERA_START_NS - now_ns
        scene = Scene(spec.scene)
        self._images = ImageSource(scene)
        self._parts = self._assemble(scene, now_ns)
        self._features = Features(self._parts, self._images)
        set_identity(spec, self._parts.bank)
        self._features.boot(now_ns)

    def _assemble(self, scene: Scene, now_ns: int) -> Parts:
        spec = self.spec
        bank, faults = RegisterBank(load_description(spec.firmware)), FaultPlan(spec.faults)
        truth, line = Truth(scene.true_class), ProductionLine(spec.scene.parts_per_minute, now_ns)
        files = FileEngine(spec, bank, faults, self._file_closed, self._file_deleted, self._owe)
        vpu = Vpu(spec, Executor(self._images.scaled), faults, truth, self._offset_ns)
        acquisition = Acquisition(spec, line, scene, vpu, truth, faults)
        return Parts(
            spec, bank, faults, files, scene, line, vpu, acquisition, truth, self._owe, self._camera_ns
        )  # fmt: skip

    # -- the bus ---------------------------------------------------------------------------------------------------

    def info(self) -> DeviceInfo | None:
        """Identity, None while the camera is not on the bus."""
        with self._lock:
            if not self._on_bus(self.clock.now_ns()):
                return None
            return DeviceInfo(self.spec.serial, MODEL, self.spec.firmware)

    def attach(self) -> int:
        """A host opens the camera; the epoch it has to show from now on. Raises LinkGone, LinkBusy."""
        with self._lock:
            if not self._on_bus(self.clock.now_ns()):
                raise LinkGone(f"camera {self.spec.serial} is not on the bus")
            if self._attached:
                raise LinkBusy(f"camera {self.spec.serial} is in use by another host, close it there first")
            self._attached = True
            return self._epoch

    def is_attached(self, epoch: int) -> bool:
        """Whether a host that attached with `epoch` still has its camera."""
        with self._lock:
            return epoch == self._epoch and self._on_bus(self.clock.now_ns())

    def detach(self, epoch: int) -> None:
        """The host went away or died: acquisition stops; registers, DDR and an open file stay."""
        with self._lock:
            self._advance()
            if epoch != self._epoch:
                return  # the connection died with the cable; another host may be there by now
            self._attached = False
            self._parts.acquisition.stop()
            self._notify()

    def read(self, epoch: int, address: int, length: int) -> bytes:
        """Read one register; raises LinkGone, TransferFailed."""
        with self._lock:
            now_ns = self._enter(epoch, address, length)
            files = self._parts.files
            if address == self._buffer_address:
                self._owe(length / self.spec.transport.file_bytes_per_s)
                return bytes(files.buffer[:length])
            feature = self._feature(address, length)
            self._features.before_read(feature, now_ns)
            return self._parts.bank.read(address)

    def write(self, epoch: int, address: int, data: bytes) -> None:
        """Write one register and let it take effect; raises LinkGone, TransferFailed."""
        with self._lock:
            now_ns = self._enter(epoch, address, len(data))
            if address == self._buffer_address:
                self._owe(len(data) / self.spec.transport.file_bytes_per_s)
                self._parts.files.write_buffer(data)
                return
            feature = self._feature(address, len(data))
            if self._parts.bank.place(address).register.access == "RO":
                raise TransferFailed(f"register of {feature} is read-only")
            self._parts.bank.write(address, data)
            self._features.after_write(feature, now_ns)
            if self._features.device.reset_wanted:
                self._lose_power(now_ns, self.spec.transport.reset_s)
            self._notify()

    def take_debt(self) -> float:
        """Seconds that transfers since the last call would have taken."""
        with self._lock:
            debt, self._debt_s = self._debt_s, 0.0
            return debt

    def listen(self) -> Signal:
        """A signal that is set whenever something other than time may have changed what the stream gives."""
        signal = self.clock.signal()
        with self._lock:
            self._listeners.append(signal)
        return signal

    def unlisten(self, signal: Signal) -> None:
        """Undo `listen`."""
        with self._lock:
            self._listeners = [s for s in self._listeners if s is not signal]

    # -- the stream ------------------------------------------------------------------------------------------------

    def configure_stream(self, epoch: int, buffers: int, mode: BufferMode) -> None:
        """Host buffers: how many frames wait and which of them are lost."""
        with self._lock:
            self._check(epoch)
            self._parts.acquisition.buffers, self._parts.acquisition.mode = buffers, mode

    def poll_frame(self, epoch: int) -> Frame | None:
        """The next frame that has arrived at the host by now."""
        with self._lock:
            self._check(epoch)
            now_ns = self._advance()
            self._check(epoch)
            return self._parts.acquisition.pop(now_ns)

    def due_ns(self) -> int | None:
        """When the stream will have something to do, as far as is known now."""
        with self._lock:
            self._advance()
            return self._parts.acquisition.due_ns()

    def streaming(self) -> bool:
        """Whether frames are being taken."""
        with self._lock:
            return self._parts.acquisition.streaming

    def pixels(self, frame: Frame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Render a frame, (height, width); needs no lock, pixels are a pure function of the frame's image."""
        if frame.image is None:
            raise ValueError("frame came over a socket and has no image key")
        return self._images.frame(frame.image)

    def unresolved(self) -> list[Inference]:
        """Inferences that started and were not computed yet; handed out once."""
        with self._lock:
            self._advance()
            queue = self._parts.vpu.unresolved
            taken = list(queue)
            queue.clear()
            return taken

    # -- the plant -------------------------------------------------------------------------------------------------

    def set_line(self, parts_per_minute: float) -> None:
        """Change the speed of the line; 0 stops it."""
        self._locked(lambda now: self._parts.line.set_rate(parts_per_minute, now))

    def line_state(self) -> dict[str, float]:
        """Speed and parts so far."""
        line = self._parts.line
        return self._locked(
            lambda now: {"parts_per_minute": line.parts_per_minute, "parts": int(line.passed(now) + 0.5)}
        )

    def set_slowdown(self, factor: float) -> None:
        """Slow the VPU down, as heat would."""
        self._locked(lambda _: setattr(self._parts.vpu.latency, "slowdown", factor))

    def inject_fault(self, fault: FaultSpec) -> None:
        """Arm a fault; counting starts now."""
        self._locked(lambda _: self._parts.faults.add(fault))

    def clear_faults(self) -> None:
        self._locked(lambda _: self._parts.faults.clear())

    def truth(self, since_ns: int = 0) -> TruthReport:
        """Ground truth from camera time `since_ns` on."""
        # Results that nobody read are computed here, without the lock: frames must not wait for that.
        rows = self._locked(lambda _: self._parts.truth.select(since_ns))
        return self._parts.truth.report(rows)

    def counters(self) -> dict[str, int]:
        """Event counts of the ground truth and of faults that struck."""
        struck = self._parts.faults.struck
        return self._locked(lambda _: {**self._parts.truth.counters, **{f"fault.{k}": v for k, v in struck.items()}})

    def unplug(self) -> None:
        """Pull the cable: bus power goes with it."""
        with self._lock:
            self._lose_power(self._advance(), 0.0)
            self._present = False

    def replug(self) -> None:
        """Put the cable back."""
        with self._lock:
            if not self._present:
                self._present = True
                self._features.boot(self.clock.now_ns())

    def power_cycle(self) -> None:
        """Bus power off and on; the camera is back after its boot time."""
        self._locked(lambda now: self._lose_power(now, self.spec.transport.reset_s))

    def _locked(self, action: Callable[[int], T]) -> T:
        with self._lock:
            result = action(self._advance())
            self._notify()
            return result

    def _notify(self) -> None:
        for signal in self._listeners:
            signal.set()

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _buffer_address(self) -> int:
        return self._parts.bank.description.registers[_BUFFER].address

    def _camera_ns(self, now_ns: int) -> int:
        return now_ns + self._offset_ns

    def _owe(self, seconds: float) -> None:
        self._debt_s += seconds

    def _file_closed(self, name: str) -> None:
        self._features.inference.file_closed(name, self.clock.now_ns())

    def _file_deleted(self, name: str) -> None:
        self._features.inference.file_deleted(name, self.clock.now_ns())

    def _advance(self) -> int:
        now_ns = self.clock.now_ns()
        self._parts.acquisition.advance(now_ns)
        if self._parts.acquisition.unplugged:
            self._parts.acquisition.unplugged = False
            self._lose_power(now_ns, 0.0)
            self._present = False
        return now_ns

    def _on_bus(self, now_ns: int) -> bool:
        return self._present and now_ns >= self._absent_until_ns

    def _check(self, epoch: int) -> None:
        if epoch != self._epoch or not self._on_bus(self.clock.now_ns()):
            raise LinkGone(f"camera {self.spec.serial} left the bus")

    def _enter(self, epoch: int, address: int, length: int) -> int:
        """What every transfer does first: connection, time, cost, faults."""
        self._check(epoch)
        now_ns = self._advance()
        self._check(epoch)
        self._owe(self.spec.transport.register_s)
        fault = self._parts.faults.strike("register")
        if fault is None:
            return now_ns
        self._owe(fault.seconds)
        if fault.effect == "unplug":
            self._lose_power(now_ns, 0.0)
            self._present = False
            self._check(epoch)
        if fault.effect == "io_error":
            raise TransferFailed(f"fault: register 0x{address:X} with {length} bytes")
        return now_ns

    def _feature(self, address: int, length: int) -> str:
        try:
            place = self._parts.bank.place(address)
        except KeyError:
            raise TransferFailed(f"no register at address 0x{address:X}") from None
        if length != place.register.length:
            raise TransferFailed(f"register of {place.feature} has {place.register.length} bytes, not {length}")
        return place.feature

    def _lose_power(self, now_ns: int, absent_s: float) -> None:
        """Bus power went: DDR is gone, connections are dead; boots again `absent_s` later."""
        parts = self._parts
        kept = {"DeviceUserID": parts.bank.text("DeviceUserID"), "UserSetDefault": parts.bank.symbol("UserSetDefault")}
        if self.spec.quirks.name_survives_power_loss and parts.bank.has("InferenceNetworkName"):
            kept["InferenceNetworkName"] = parts.bank.text("InferenceNetworkName")
        self._features.device.reset_wanted = False
        self._epoch += 1
        self._attached = False
        parts.acquisition.stop()
        parts.files.lose_power()
        parts.vpu.drop()
        parts.vpu.forget_result()
        parts.vpu.slot.clear(now_ns)
        parts.bank.load_defaults()
        set_identity(self.spec, parts.bank)
        for feature, value in kept.items():
            parts.bank.put(feature, value)
        self._absent_until_ns = now_ns + round(absent_s * 1e9)
        self._features.boot(self._absent_until_ns)
        self._notify()
