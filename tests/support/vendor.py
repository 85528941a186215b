"""The vendor's published call sequences as functions, and a bench that holds one simulated camera in virtual time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from agent.clock import Clock, SystemClock, VirtualClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.device import Firefly
from agent.sim.link import BusDevice
from agent.sim.spec import SimulationSpec

CHUNKS = ("FrameID", "InferenceFrameId", "InferenceResult", "InferenceConfidence")


@dataclass
class Bench:
    """One initialised camera and the clock that it runs on."""

    clock: Clock
    camera: PySpin.CameraPtr

    @property
    def nodes(self) -> PySpin.INodeMap:
        return self.camera.GetNodeMap()

    def enum(self, name: str) -> PySpin.CEnumerationPtr:
        return PySpin.CEnumerationPtr(self.nodes.GetNode(name))

    def integer(self, name: str) -> PySpin.CIntegerPtr:
        return PySpin.CIntegerPtr(self.nodes.GetNode(name))

    def real(self, name: str) -> PySpin.CFloatPtr:
        return PySpin.CFloatPtr(self.nodes.GetNode(name))

    def flag(self, name: str) -> PySpin.CBooleanPtr:
        return PySpin.CBooleanPtr(self.nodes.GetNode(name))

    def choose(self, name: str, symbolic: str) -> None:
        """Set an enumeration by the entry's own number, as the vendor's examples do (S12)."""
        node = self.enum(name)
        entry = node.GetEntryByName(symbolic)
        assert entry is not None, f"{name} has no entry {symbolic}"
        node.SetIntValue(entry.GetValue())

    def read(self, name: str) -> str:
        return PySpin.CValuePtr(self.nodes.GetNode(name)).ToString()

    def execute(self, operation: str) -> str:
        """One file operation; its status."""
        self.choose("FileOperationSelector", operation)
        PySpin.CCommandPtr(self.nodes.GetNode("FileOperationExecute")).Execute()
        return self.read("FileOperationStatus")

    def must(self, operation: str) -> None:
        status = self.execute(operation)
        assert status == "Success", f"{operation}: {status}"

    def open_for_writing(self, name: str) -> None:
        self.choose("FileSelector", name)
        if self.integer("FileSize").GetValue() > 0:
            self.must("Delete")
        self.choose("FileOpenMode", "Write")
        self.must("Open")
        self.flag("FileWriteToFlash").SetValue(False)
        length = PySpin.CRegisterPtr(self.nodes.GetNode("FileAccessBuffer")).GetLength()
        self.integer("FileAccessLength").SetValue(length)
        self.integer("FileAccessOffset").SetValue(0)

    def write_chunk(self, piece: bytes) -> int:
        """Buffer padded to 4 bytes (S14), length the true count; bytes taken by the camera."""
        self.integer("FileAccessLength").SetValue(len(piece))
        padded = piece + b"\xff" * (-len(piece) % 4)
        PySpin.CRegisterPtr(self.nodes.GetNode("FileAccessBuffer")).Set(np.frombuffer(padded, np.uint8))
        self.must("Write")
        return self.integer("FileOperationResult").GetValue()

    def upload(self, name: str, data: bytes) -> None:
        """Facts section 2, steps a to g."""
        self.open_for_writing(name)
        size, done = self.integer("FileAccessLength").GetValue(), 0
        while done < len(data):
            done += self.write_chunk(data[done : done + size])
        self.must("Close")

    def await_network(self) -> str:
        """Poll the status node until loading ends; what it then says."""
        self.clock.sleep(0.1)
        while self.read("InferenceNetworkStatus") == "Loading":
            self.clock.sleep(0.05)
        return self.read("InferenceNetworkStatus")

    def load(self, network: bytes) -> None:
        """Upload a network, wait until it is ready, enable inference and its chunks."""
        self.upload("InferenceNetwork", network)
        assert self.await_network() == "Ready"
        self.choose("InferenceNetworkTypeSelector", "Classification")
        self.flag("InferenceEnable").SetValue(True)
        self.enable_chunks()

    def enable_chunks(self) -> None:
        self.flag("ChunkModeActive").SetValue(True)
        for name in CHUNKS:
            self.choose("ChunkSelector", name)
            self.flag("ChunkEnable").SetValue(True)

    def trigger_on(self, source: str) -> None:
        self.choose("TriggerSource", source)
        self.choose("TriggerMode", "On")

    def grab(self, count: int, timeout_ms: int = 1000) -> list[tuple[int, int, int, float]]:
        """(frame id, inference frame id, class, confidence) of `count` frames."""
        rows = []
        for _ in range(count):
            image = self.camera.GetNextImage(timeout_ms)
            chunk = image.GetChunkData()
            rows.append(
                (
                    image.GetFrameID(),
                    chunk.GetInferenceFrameId(),
                    chunk.GetInferenceResult(),
                    chunk.GetInferenceConfidence(),
                )
            )
            image.Release()
        return rows


@dataclass
class LocalBench(Bench):
    """A camera in this process in virtual time; `device` is its other half."""

    clock: VirtualClock
    device: Firefly


@contextmanager
def remote_bench(place: BusDevice) -> Iterator[Bench]:
    """An initialised camera of another process, in real time."""
    bus.attach(place)
    try:
        system = PySpin.System.GetInstance()
        cameras = system.GetCameras()
        held = Bench(SystemClock(), cameras.GetByIndex(0))
        cameras.Clear()
        with _initialised(held):
            yield held
        system.ReleaseInstance()
    finally:
        bus.detach(place)


@contextmanager
def _initialised(held: Bench) -> Iterator[None]:
    """Init and the end in the vendor's order, whatever state the block left."""
    held.camera.Init()
    try:
        yield
    finally:
        if held.camera.IsStreaming():
            # A camera that is gone says so, and stops streaming all the same.
            with contextlib.suppress(PySpin.SpinnakerException):
                held.camera.EndAcquisition()
        held.camera.DeInit()
        del held.camera
        if PySpin.System.GetInstance().IsInUse():
            # Caught exceptions hold the frames, and so the references, of the calls that raised them.
            gc.collect()


@contextmanager
def bench(spec: SimulationSpec | None = None) -> Iterator[LocalBench]:
    """An initialised camera on a virtual clock."""
    clock = VirtualClock()
    with bus.local_camera(spec or SimulationSpec(), clock) as device:
        system = PySpin.System.GetInstance()
        cameras = system.GetCameras()
        held = LocalBench(clock, cameras.GetByIndex(0), device)
        cameras.Clear()
        with _initialised(held):
            try:
                yield held
            finally:
                device.clear_faults()
        system.ReleaseInstance()
