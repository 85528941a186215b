"""The floor of a gap: the same swap as a bare loop of SDK calls, the least that ends in a verified network.

    python -m tests.bench.gap_floor FOLDER SOCKET:SERIAL...

Each camera has a thread of its own in this one process, as the SDK has one System a process. The loop knows nothing of
the agent: no journal, no deadline, no way back. Calls that only need to be made once (node pointers, selectors and
sizes that stay, whether there is a file to delete) are made before. A status is read once after each file operation but
the writes, and FileOperationResult after those: with less, nobody could say that the network on the camera is the one
that was sent. What could be done only while the network loads is done then. Nothing is awaited but the camera.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.remote import RemoteBusDevice
from tests.bench.gap_stock import EXPOSURE_US, MEAN, SCALE, Golden, Net, fetch

GRAB_MS = 1000
BEFORE = 30  # frames of the old network: what a swap on a running line finds
CHUNKS = ("FrameID", "InferenceFrameId", "InferenceResult", "InferenceConfidence")
ISP = ("DenoiseEnable", "SharpeningEnable", "GammaEnable", "BlackLevelClampingEnable")
Answer = tuple[int, int, float]  # frame id, class, confidence


@contextmanager
def opened(places: Sequence[tuple[Path, str]]) -> Iterator[list[PySpin.CameraPtr]]:
    """The cameras of those device processes, initialised; closed in the vendor's order."""
    for socket, _ in places:
        bus.attach(RemoteBusDevice(socket))
    system = PySpin.System.GetInstance()
    found = system.GetCameras()
    cameras = [found.GetBySerial(serial) for _, serial in places]
    found.Clear()
    for camera in cameras:
        camera.Init()
    try:
        yield cameras
    finally:
        for camera in cameras:
            if camera.IsStreaming():
                camera.EndAcquisition()
            camera.DeInit()
        del camera
        cameras.clear()
        system.ReleaseInstance()


class Nodes:
    """Pointers to the nodes of one camera, made once."""

    def __init__(self, camera: PySpin.CameraPtr) -> None:
        nodes = camera.GetNodeMap()
        self._map = nodes
        self.buffer = PySpin.CRegisterPtr(nodes.GetNode("FileAccessBuffer"))
        self.execute = PySpin.CCommandPtr(nodes.GetNode("FileOperationExecute"))
        self.result = self.integer("FileOperationResult")
        self.length = self.integer("FileAccessLength")
        self.to_flash = self.flag("FileWriteToFlash")
        self.status = PySpin.CEnumerationPtr(nodes.GetNode("FileOperationStatus"))
        self.network_status = PySpin.CEnumerationPtr(nodes.GetNode("InferenceNetworkStatus"))
        self._ready = self.number("InferenceNetworkStatus", "Ready")
        self._success = self.number("FileOperationStatus", "Success")
        self._held: dict[str, PySpin.CEnumerationPtr] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    def integer(self, name: str) -> PySpin.CIntegerPtr:
        return PySpin.CIntegerPtr(self._map.GetNode(name))

    def flag(self, name: str) -> PySpin.CBooleanPtr:
        return PySpin.CBooleanPtr(self._map.GetNode(name))

    def real(self, name: str) -> PySpin.CFloatPtr:
        return PySpin.CFloatPtr(self._map.GetNode(name))

    def number(self, name: str, symbolic: str) -> int:
        entry = PySpin.CEnumerationPtr(self._map.GetNode(name)).GetEntryByName(symbolic)
        return int(PySpin.CEnumEntryPtr(entry).GetValue())

    def choose(self, name: str, symbolic: str) -> None:
        """One write; looking the entry up costs once."""
        if name not in self._held:
            self._held[name] = PySpin.CEnumerationPtr(self._map.GetNode(name))
        if (name, symbolic) not in self._numbers:
            self._numbers[name, symbolic] = self.number(name, symbolic)
        self._held[name].SetIntValue(self._numbers[name, symbolic])

    def must(self, operation: str) -> None:
        """A file operation and its status."""
        self.choose("FileOperationSelector", operation)
        self.execute.Execute()
        if self.status.GetIntValue() != self._success:
            raise RuntimeError(f"{operation} failed")

    def filled(self, file: str) -> bool:
        self.choose("FileSelector", file)
        return self.integer("FileSize").GetValue() > 0

    def loaded(self) -> bool:
        return self.network_status.GetIntValue() == self._ready


def prepare(nodes: Nodes, made: tuple[Net, Net]) -> None:
    """What a camera in production has been told long before."""
    nodes.choose("TriggerMode", "Off")
    nodes.choose("AcquisitionMode", "Continuous")
    nodes.choose("ExposureAuto", "Off")
    nodes.real("ExposureTime").SetValue(EXPOSURE_US)
    for name in ISP:
        nodes.flag(name).SetValue(False)
    nodes.flag("ChunkModeActive").SetValue(True)
    for name in CHUNKS:
        nodes.choose("ChunkSelector", name)
        nodes.flag("ChunkEnable").SetValue(True)
    for golden in made[0].goldens[:1]:  # all have one size
        height, width = golden.pixels.shape
        nodes.integer("InjectedWidth").SetValue(width)
        nodes.integer("InjectedHeight").SetValue(height)
    nodes.choose("InferenceNetworkTypeSelector", "Classification")
    nodes.real("InferencePreprocessChannelMean").SetValue(MEAN)
    nodes.real("InferencePreprocessChannelScalar").SetValue(SCALE)
    nodes.choose("FileOpenMode", "Write")


class Watch:
    """The results that frames bring."""

    def __init__(self, camera: PySpin.CameraPtr) -> None:
        self._camera = camera
        self._shown: Answer = (-1, -1, 0.0)

    def start(self) -> None:
        """The first frame of an acquisition shows the last result before it, whose inference may have ended since."""
        self._shown = self._next()

    def changed(self) -> Answer:
        """Frames until their chunk shows something else than before."""
        while (shown := self._next()) == self._shown:
            pass
        self._shown = shown
        return shown

    def _next(self) -> Answer:
        image = self._camera.GetNextImage(GRAB_MS)
        chunk = image.GetChunkData()
        shown = (chunk.GetInferenceFrameId(), chunk.GetInferenceResult(), chunk.GetInferenceConfidence())
        image.Release()
        return shown


class FloorSwap:
    """One camera that goes from one network to the other and back."""

    def __init__(
        self, camera: PySpin.CameraPtr, made: tuple[Net, Net], now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._camera = camera
        self._nets = made
        self._now_ns = now_ns
        self._nodes = Nodes(camera)
        self._buffer_bytes = self._nodes.buffer.GetLength()
        self._images = {golden.pixels.tobytes(): _injected(golden) for net in made for golden in net.goldens}
        self._resident = b""
        self._watch = Watch(camera)
        self._next = 0
        self._marks: list[tuple[str, int]] = []
        prepare(self._nodes, made)
        self._nodes.choose("TestPatternGeneratorSelector", "PipelineStart")
        self._nodes.flag("InferenceEnable").SetValue(True)
        self._filled = {name for name in ("InferenceNetwork", "InjectedImage") if self._nodes.filled(name)}
        self.swap()  # the first one may find an empty slot
        self.swap()

    def swap(self) -> list[tuple[str, float]]:
        """Install the other network. Ms of each step, from the last result of the old network to the first of the new
        one."""
        net, self._next = self._nets[self._next], 1 - self._next
        for _ in range(BEFORE if self._camera.IsStreaming() else 0):
            self._watch.changed()
        begun_ns = self._now_ns()
        self._marks = []
        if self._camera.IsStreaming():
            self._camera.EndAcquisition()
        self._mark("stop")
        self._replace("InferenceNetwork", _padded(net.blob), len(net.blob), "")
        self._nodes.choose("TestPattern", "InjectedImage")
        while not self._nodes.loaded():
            pass
        self._mark("load")
        self._verify(net)
        self._nodes.choose("TestPattern", "Off")
        self._camera.BeginAcquisition()
        self._mark("start")
        self._watch.start()
        self._mark("first frame")
        self._watch.changed()
        self._mark("first inference")
        ends = [begun_ns, *(at_ns for _, at_ns in self._marks)]
        return [(name, (end - begin) / 1e6) for (name, end), begin in zip(self._marks, ends, strict=False)]

    def _replace(self, name: str, padded: NDArray[np.uint8], size: int, what: str) -> None:
        """Delete, open, write, close."""
        nodes, execute, result = self._nodes, self._nodes.execute, self._nodes.result
        nodes.choose("FileSelector", name)
        if name in self._filled:
            nodes.must("Delete")
        self._mark(f"{what}delete")
        nodes.must("Open")
        nodes.to_flash.SetValue(False)
        self._mark(f"{what}open")
        chunk, at = self._buffer_bytes, 0
        nodes.length.SetValue(min(chunk, size))
        nodes.choose("FileOperationSelector", "Write")
        set_buffer = nodes.buffer.Set
        while at < size:
            if size - at < chunk and at:
                nodes.length.SetValue(size - at)
            set_buffer(padded[at : at + chunk], False)
            execute.Execute()
            at += result.GetValue()
        self._mark(f"{what}write")
        nodes.must("Close")
        self._filled.add(name)
        self._mark(f"{what}close")

    def _verify(self, net: Net) -> None:
        """Each golden image, the one that is on the camera first."""
        for golden in sorted(net.goldens, key=lambda golden: golden.pixels.tobytes() != self._resident):
            key = golden.pixels.tobytes()
            if key != self._resident:
                data = self._images[key]
                self._replace("InjectedImage", _padded(data), len(data), "golden ")
                self._resident = key
            self._camera.BeginAcquisition()
            self._watch.start()
            _, class_id, confidence = self._watch.changed()
            if (class_id, round(confidence, 3)) != (golden.class_id, round(golden.confidence, 3)):
                raise RuntimeError(f"golden image: class {class_id} at {confidence}, wanted {golden.class_id}")
            self._camera.EndAcquisition()
            self._mark("golden test")

    def _mark(self, step: str) -> None:
        self._marks.append((step, self._now_ns()))


def _injected(golden: Golden) -> bytes:
    """Row by row, 16-bit little-endian, value << 2."""
    return (golden.pixels.astype("<u2") << 2).tobytes()


def _padded(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data + b"\xff" * (-len(data) % 4), np.uint8)


class Swapping(Protocol):
    """One camera of this module or of `gap_vendor`; ready for its first measured swap."""

    def __init__(self, camera: PySpin.CameraPtr, made: tuple[Net, Net]) -> None: ...
    def swap(self) -> list[tuple[str, float]]: ...


def serve(program: type[Swapping]) -> None:
    """Swap all cameras at once at each line of standard input; answer with the ms of each step of each."""
    made = fetch(Path(sys.argv[1]))
    with (
        opened(
            [(Path(path), serial) for path, _, serial in (word.rpartition(":") for word in sys.argv[2:])]
        ) as cameras,
        ThreadPoolExecutor(len(cameras)) as threads,
    ):
        loops = list(threads.map(lambda camera: program(camera, made), cameras))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(json.dumps(list(threads.map(lambda loop: loop.swap(), loops))) + "\n")
            sys.stdout.flush()
        loops.clear()


def main() -> None:
    """See `serve`."""
    serve(FloorSwap)


if __name__ == "__main__":
    main()
