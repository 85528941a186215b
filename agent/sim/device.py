"""The device half: a Firefly DL as registers, files, sensor, VPU and the line in front of it.

No threads: every call first replays what happened since the last one (`Acquisition.advance`). Everything is guarded by
one lock, is deterministic from the specification and the clock, and never waits: the time that a transfer would take
is owed, and whoever talks to the device pays it (`take_debt`) without holding a lock.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock, Signal
from agent.sim.acquisition import Acquisition
from agent.sim.buffers import BufferMode, StreamCounts
from agent.sim.chunks import DescriptionUnreadable, Frame, LinkBusy, LinkGone, TransferFailed
from agent.sim.events import DeviceEvent, EventQueue
from agent.sim.faults import FaultPlan
from agent.sim.features.dispatch import Features
from agent.sim.features.events import is_enabled
from agent.sim.features.images import ImageSource
from agent.sim.features.parts import Parts
from agent.sim.files import FileEngine
from agent.sim.inference import Inference, Vpu
from agent.sim.line import ProductionLine
from agent.sim.link import DeviceInfo
from agent.sim.port import UsbPort
from agent.sim.power import Power
from agent.sim.registers import RegisterBank, load_description
from agent.sim.scene import Scene
from agent.sim.spec import FaultSpec, SimulationSpec
from agent.sim.truth import Truth, TruthReport
from agent.sim.vpu import Executor
from agent.sim.wiring import Wiring

T = TypeVar("T")

MODEL = "Firefly FFY-U3-16S2M-DL"
_BUFFER = "FileAccessBuffer"
# A camera that was powered for a while: its clock does not start at 0.
_CAMERA_START_NS = 5_000_000_000


class Firefly:
    """One simulated camera. Thread-safe."""

    def __init__(self, spec: SimulationSpec, clock: Clock) -> None:
        self.spec = spec
        self.clock = clock
        self._listeners: list[Signal] = []
        self._lock = threading.RLock()
        self._debt_s = 0.0
        self._attached = False
        self._unreadable = False
        self._epoch = 0
        now_ns = clock.now_ns()
        self._offset_ns = _CAMERA_START_NS - now_ns
        scene = Scene(spec.scene)
        self._images = ImageSource(scene)
        self._parts = self._assemble(scene, now_ns)
        self._features = Features(self._parts, self._images)
        self._port = UsbPort()
        self._parts.acquisition.slowness = self._port.slowness
        self._power = Power(self._parts, self._features, self._port, self._left_bus)
        self._power.start(now_ns)

    def _assemble(self, scene: Scene, now_ns: int) -> Parts:
        spec = self.spec
        bank = RegisterBank(load_description(spec.firmware))
        faults = FaultPlan(spec.faults, spec.fault_storm, spec.seed)
        truth, line = Truth(scene.true_class), ProductionLine(spec.scene.parts_per_minute, now_ns, spec.scene.stops)
        files = FileEngine(spec, bank, faults, self._file_closed, self._file_deleted, self._owe)
        vpu = Vpu(spec, Executor(self._images.scaled), faults, truth, self._offset_ns)
        acquisition = Acquisition(spec, line, scene, vpu, truth, faults)
        events = EventQueue(spec, lambda name: is_enabled(bank, name), truth.counters)
        return Parts(
            spec, bank, faults, files, scene, line, Wiring(line), vpu, acquisition, truth, events, self._owe,
            self._camera_ns,
        )  # fmt: skip

    # -- the bus ---------------------------------------------------------------------------------------------------

    def info(self) -> DeviceInfo | None:
        """Identity, None while the camera is not on the bus."""
        with self._lock:
            if not self._port.on_bus(self._advance()):
                return None
            refuses = self.spec.quirks.clear_refuses_held_cameras
            return DeviceInfo(self.spec.serial, MODEL, self.spec.firmware, self._attached, refuses)

    def attach(self) -> int:
        """A host opens the camera; the epoch it has to show from now on. Raises LinkGone, LinkBusy."""
        with self._lock:
            now_ns = self._advance()
            fault = self._parts.faults.strike("connect")
            self._owe(fault.delay_s if fault else 0.0)
            self._power.take_bus_faults(now_ns)
            if not self._port.on_bus(now_ns):
                raise LinkGone(f"camera {self.spec.serial} is not on the bus")
            if fault and fault.effect == "io_error":
                raise TransferFailed("fault: connect")
            if self._attached or (fault and fault.effect == "busy"):
                raise LinkBusy(f"camera {self.spec.serial} is in use by another host, close it there first")
            if self._unreadable:
                self._unreadable = False
                raise DescriptionUnreadable(f"camera {self.spec.serial} did not hand out its description")
            self._attached = True
            return self._epoch

    def host_died(self) -> None:
        """The host of now is gone without closing; the next one may have to try twice (quirk)."""
        with self._lock:
            self._unreadable = self.spec.quirks.init_fails_after_dead_host

    def is_attached(self, epoch: int) -> bool:
        """Whether a host that attached with `epoch` still has its camera."""
        with self._lock:
            now_ns = self._advance()
            return epoch == self._epoch and self._port.on_bus(now_ns)

    def detach(self, epoch: int) -> None:
        """The host went away or died: acquisition stops; registers, DDR and an open file stay."""
        with self._lock:
            self._advance()
            if epoch != self._epoch:
                return  # the connection died with the cable; another host may be there by now
            self._attached = False
            self._parts.acquisition.stop()
            self._parts.events.listen(False)
            self._notify()

    def read(self, epoch: int, address: int, length: int) -> bytes:
        """Read one register; raises LinkGone, TransferFailed."""
        with self._lock:
            now_ns = self._enter(epoch, address, length)
            files = self._parts.files
            if address == self._buffer_address:
                self._owe_transfer(length / self.spec.transport.file_bytes_per_s, now_ns)
                return bytes(files.buffer[:length])
            feature = self._feature(address, length)
            self._features.before_read(feature, now_ns)
            return self._parts.bank.read(address)

    def write(self, epoch: int, address: int, data: bytes) -> None:
        """Write one register and let it take effect; raises LinkGone, TransferFailed."""
        with self._lock:
            now_ns = self._enter(epoch, address, len(data))
            if address == self._buffer_address:
                self._owe_transfer(len(data) / self.spec.transport.file_bytes_per_s, now_ns)
                self._parts.files.write_buffer(data)
                return
            feature = self._feature(address, len(data))
            if self._parts.bank.place(address).register.access == "RO":
                raise TransferFailed(f"register of {feature} is read-only")
            if not self._features.inference.takes(feature):
                return
            self._parts.bank.write(address, data)
            self._features.after_write(feature, now_ns)
            self._power.keep(feature)
            if self._features.device.reset_wanted:
                self._power.reset(now_ns)
            self._power.take_bus_faults(now_ns)
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
            self._parts.acquisition.stream.configure(buffers, mode)

    def return_buffers(self, epoch: int, buffers: int) -> None:
        """The host released images, their buffers take frames again."""
        with self._lock:
            self._check(epoch)
            self._parts.acquisition.stream.give_back(buffers, self._advance())

    def stream_counts(self, epoch: int) -> StreamCounts:
        """Statistics of the stream since its buffers were configured."""
        with self._lock:
            self._check(epoch)
            self._advance()
            return self._parts.acquisition.stream.counts()

    def poll_frame(self, epoch: int) -> Frame | None:
        """The next frame that has arrived at the host by now."""
        with self._lock:
            self._check(epoch)
            now_ns = self._advance()
            self._check(epoch)
            return self._parts.acquisition.stream.pop(now_ns)

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

    # -- events ----------------------------------------------------------------------------------------------------

    def listen_events(self, epoch: int, listening: bool) -> None:
        """The host opens or closes its event channel; only what happens in between is sent."""
        with self._lock:
            self._check(epoch)
            self._advance()
            self._parts.events.listen(listening)
            self._notify()

    def poll_event(self, epoch: int) -> DeviceEvent | None:
        """The next event that has arrived at the host by now."""
        with self._lock:
            self._check(epoch)
            now_ns = self._advance()
            self._check(epoch)
            return self._parts.events.pop(now_ns)

    def event_due_ns(self) -> int | None:
        """When an event can arrive or happen next without an outside cause."""
        with self._lock:
            self._advance()
            parts = self._parts
            running = parts.vpu.current.finish_ns if parts.vpu.current else math.inf
            times = (parts.events.due_ns(), parts.acquisition.next_end_ns(), running)
            known = [t for t in times if t is not None and not math.isinf(t)]
            return int(min(known)) if known else None

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

    def set_input(self, line: str, high: bool | None) -> None:
        """Put a level on a digital line, None gives it back to what is wired there; raises BadInput."""
        self._locked(lambda _: self._parts.wiring.put(line, high))

    def set_slowdown(self, factor: float) -> None:
        """Slow the VPU down, as heat would."""
        self._locked(lambda _: setattr(self._parts.vpu.latency, "slowdown", factor))

    def set_part_factors(self, factors: Sequence[float]) -> None:
        """Service times of part k are `factors[k]` times the law's, in place of jitter; of later parts as before."""
        self._locked(lambda _: setattr(self._parts.vpu.latency, "part_factors", tuple(factors)))

    def set_ambient(self, celsius: float) -> None:
        """Let the surroundings be that warm."""
        self._locked(lambda now: self._parts.vpu.warmth.set_ambient(celsius, now))

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
        self._locked(self._power.unplug)

    def replug(self) -> None:
        """Put the cable back."""
        self._locked(self._power.plug_in)

    def power_cycle(self) -> None:
        """Bus power off and on; the camera is back after its boot time."""
        self._locked(lambda now: self._power.reset(now, cold=True))

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

    def _owe_transfer(self, seconds: float, now_ns: int) -> None:
        self._owe(seconds * self._port.slowness(now_ns))

    def _file_closed(self, name: str) -> None:
        self._features.inference.file_closed(name, self.clock.now_ns())

    def _file_deleted(self, name: str) -> None:
        self._features.inference.file_deleted(name, self.clock.now_ns())

    def _advance(self) -> int:
        now_ns = self.clock.now_ns()
        self._power.replay(now_ns)
        return now_ns

    def _check(self, epoch: int) -> None:
        if epoch != self._epoch or not self._port.on_bus(self.clock.now_ns()):
            raise LinkGone(f"camera {self.spec.serial} left the bus")

    def _enter(self, epoch: int, address: int, length: int) -> int:
        """What every transfer does first: connection, time, cost, faults."""
        self._check(epoch)
        now_ns = self._advance()
        self._check(epoch)
        self._owe_transfer(self.spec.transport.register_s, now_ns)
        fault = self._parts.faults.strike("register")
        if fault is None:
            self._power.take_bus_faults(now_ns)
            self._check(epoch)
            return now_ns
        self._owe(fault.delay_s)
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

    def _left_bus(self) -> None:
        """The camera went off the bus: connections are dead, another host may come when it is back."""
        self._epoch += 1
        self._attached = False
        self._unreadable = False
        self._parts.events.listen(False)
        self._notify()
