"""The gap of a program that swaps with the vendor's published sequence (Inference.py, facts/firefly-dl.md section 2).

    python -m tests.bench.gap_vendor FOLDER SOCKET:SERIAL...

Stop, inference off, upload (steps a to g: delete, open, buffer, write, close; every node looked up and asked whether it
may be written before it is, selector and status with each operation), type, inference on, start. It verifies nothing
and does not wait until the network is loaded: frames come meanwhile without a result. What the published program sets
once more although it is set (chunks, trigger) is left out, and the file is read before: both in its favour.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import numpy as np

from agent.sim import pyspin as PySpin
from tests.bench.gap_floor import BEFORE, Nodes, Watch, prepare, serve
from tests.bench.gap_stock import Net


def set_enum(nodemap: PySpin.INodeMap, name: str, symbolic: str) -> None:
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        raise RuntimeError(f"cannot set {name}")
    entry = PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic))
    if not PySpin.IsReadable(entry):
        raise RuntimeError(f"{name} has no {symbolic}")
    node.SetIntValue(entry.GetValue())


def set_boolean(nodemap: PySpin.INodeMap, name: str, value: bool) -> None:
    node = PySpin.CBooleanPtr(nodemap.GetNode(name))
    if not PySpin.IsWritable(node):
        raise RuntimeError(f"cannot write {name}")
    node.SetValue(value)


def execute_file_operation(nodemap: PySpin.INodeMap, operation: str) -> None:
    set_enum(nodemap, "FileOperationSelector", operation)
    command = PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute"))
    if not PySpin.IsWritable(command):
        raise RuntimeError(f"cannot execute {operation}")
    command.Execute()
    status = PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus"))
    if not PySpin.IsReadable(status):
        raise RuntimeError(f"no status of {operation}")
    if PySpin.CEnumEntryPtr(status.GetCurrentEntry()).GetSymbolic() != "Success":
        raise RuntimeError(f"{operation} failed")


def open_for_writing(nodemap: PySpin.INodeMap) -> None:
    set_enum(nodemap, "FileOpenMode", "Write")
    execute_file_operation(nodemap, "Open")
    flash = PySpin.CBooleanPtr(nodemap.GetNode("FileWriteToFlash"))
    if PySpin.IsWritable(flash):
        flash.SetValue(False)


def write_all(nodemap: PySpin.INodeMap, data: bytes) -> None:
    length = PySpin.CIntegerPtr(nodemap.GetNode("FileAccessLength"))
    buffer = PySpin.CRegisterPtr(nodemap.GetNode("FileAccessBuffer"))
    if length.GetValue() < buffer.GetLength():
        with contextlib.suppress(PySpin.SpinnakerException):
            length.SetValue(buffer.GetLength())
    PySpin.CIntegerPtr(nodemap.GetNode("FileAccessOffset")).SetValue(0)
    chunk, left = length.GetValue(), len(data)
    result = PySpin.CIntegerPtr(nodemap.GetNode("FileOperationResult"))
    for start in range(0, len(data), chunk):
        buffer.Set(np.array(np.frombuffer(data[start : start + chunk], np.uint8)))
        if chunk > left:
            length.SetValue(left)
        execute_file_operation(nodemap, "Write")
        left -= result.GetValue()


def upload(nodemap: PySpin.INodeMap, selector: str, data: bytes) -> None:
    set_enum(nodemap, "FileSelector", selector)
    size = PySpin.CIntegerPtr(nodemap.GetNode("FileSize"))
    if PySpin.IsReadable(size) and size.GetValue() > 0:
        execute_file_operation(nodemap, "Delete")
    open_for_writing(nodemap)
    write_all(nodemap, data)
    execute_file_operation(nodemap, "Close")


class VendorSwap:
    """One camera that goes from one network to the other and back."""

    def __init__(
        self, camera: PySpin.CameraPtr, made: tuple[Net, Net], now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._camera, self._nets, self._next, self._now_ns = camera, made, 0, now_ns
        self._watch = Watch(camera)
        prepare(Nodes(camera), made)
        self.swap()  # the first one finds an empty slot
        self.swap()

    def swap(self) -> list[tuple[str, float]]:
        """Install the other network. Ms of each step, from the last result of the old network to the first of the new
        one."""
        net, self._next = self._nets[self._next], 1 - self._next
        cam, nodemap = self._camera, self._camera.GetNodeMap()
        for _ in range(BEFORE if cam.IsStreaming() else 0):
            self._watch.changed()
        ends = [self._now_ns()]
        if cam.IsStreaming():
            cam.EndAcquisition()
        set_boolean(nodemap, "InferenceEnable", False)
        ends.append(self._now_ns())
        upload(nodemap, "InferenceNetwork", net.blob)
        ends.append(self._now_ns())
        set_enum(nodemap, "InferenceNetworkTypeSelector", "Classification")
        set_boolean(nodemap, "InferenceEnable", True)
        cam.BeginAcquisition()
        ends.append(self._now_ns())
        self._watch.start()
        self._watch.changed()
        ends.append(self._now_ns())
        steps = ("stop", "upload", "start", "load and first result")
        return [(step, (ends[n + 1] - ends[n]) / 1e6) for n, step in enumerate(steps)]


def main() -> None:
    """See `gap_floor.serve`."""
    serve(VendorSwap)


if __name__ == "__main__":
    main()
