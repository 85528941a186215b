"""A program as the vendor's example is written, against the names of PySpin (facts/firefly-dl.md section 2, S12).

It is deliberately a plain script in one piece, without helpers of ours: it may not know that the camera is simulated.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from agent.clock import VirtualClock
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.spec import SceneSpec, SimulationSpec, TransportSpec
from tests.contract.rig import profile
from tests.support.networks import tiny_ir

Results = list[tuple[int, int, int, float]]


def _execute(nodemap: PySpin.INodeMap, operation: str) -> bool:
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationSelector"))
    selector.SetIntValue(PySpin.CEnumEntryPtr(selector.GetEntryByName(operation)).GetValue())
    command = PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute"))
    if not PySpin.IsAvailable(command) or not PySpin.IsWritable(command):
        return False
    command.Execute()
    status = PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus"))
    return PySpin.CEnumEntryPtr(status.GetCurrentEntry()).GetSymbolic() == "Success"


def _upload(nodemap: PySpin.INodeMap, name: str, data: bytes) -> bool:
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("FileSelector"))
    selector.SetIntValue(int(PySpin.CEnumEntryPtr(selector.GetEntryByName(name)).GetNumericValue()))
    if PySpin.CIntegerPtr(nodemap.GetNode("FileSize")).GetValue() > 0 and not _execute(nodemap, "Delete"):
        return False
    mode = PySpin.CEnumerationPtr(nodemap.GetNode("FileOpenMode"))
    mode.SetIntValue(PySpin.CEnumEntryPtr(mode.GetEntryByName("Write")).GetValue())
    if not _execute(nodemap, "Open") and not (_execute(nodemap, "Close") and _execute(nodemap, "Open")):
        return False
    to_flash = PySpin.CBooleanPtr(nodemap.GetNode("FileWriteToFlash"))
    if PySpin.IsAvailable(to_flash) and PySpin.IsWritable(to_flash):
        to_flash.SetValue(False)
    length = PySpin.CIntegerPtr(nodemap.GetNode("FileAccessLength"))
    buffer = PySpin.CRegisterPtr(nodemap.GetNode("FileAccessBuffer"))
    if length.GetValue() < buffer.GetLength():
        with contextlib.suppress(PySpin.SpinnakerException):
            length.SetValue(buffer.GetLength())
    PySpin.CIntegerPtr(nodemap.GetNode("FileAccessOffset")).SetValue(0)
    size, left, written = length.GetValue(), len(data), 0
    while left > 0:
        piece = np.frombuffer(data[written : written + size], np.uint8)
        piece = np.concatenate((piece, np.full(-len(piece) % 4, 255, np.uint8)))
        buffer.Set(piece)
        if size > left:
            length.SetValue(left)
        if not _execute(nodemap, "Write"):
            return False
        taken = PySpin.CIntegerPtr(nodemap.GetNode("FileOperationResult")).GetValue()
        left, written = left - taken, written + taken
    return _execute(nodemap, "Close")


def _set(nodemap: PySpin.INodeMap, name: str, symbolic: str) -> None:
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    assert PySpin.IsAvailable(node), name
    assert PySpin.IsWritable(node), name
    entry = node.GetEntryByName(symbolic)
    assert PySpin.IsReadable(entry), symbolic
    node.SetIntValue(PySpin.CEnumEntryPtr(entry).GetValue())


def _set_chunk(nodemap: PySpin.INodeMap, name: str, value: bool) -> None:
    _set(nodemap, "ChunkSelector", name)
    enable = PySpin.CBooleanPtr(nodemap.GetNode("ChunkEnable"))
    if enable.GetValue() is not value:
        enable.SetValue(value)


def _acquire(cam: PySpin.CameraPtr, count: int) -> Results:
    results = []
    cam.BeginAcquisition()
    for _ in range(count):
        image = cam.GetNextImage(1000)
        assert not image.IsIncomplete(), PySpin.Image_GetImageStatusDescription(image.GetImageStatus())
        data = image.GetChunkData()
        results.append(
            (
                image.GetFrameID(),
                data.GetInferenceFrameId(),
                data.GetInferenceResult(),
                data.GetInferenceConfidence(),
            )
        )
        image.Release()
    cam.EndAcquisition()
    return results


def _wait(nodemap: PySpin.INodeMap, clock: VirtualClock) -> None:
    clock.sleep(1.0)  # the vendor's user loads by hand and looks at the status
    status = PySpin.CEnumerationPtr(nodemap.GetNode("InferenceNetworkStatus"))
    if not PySpin.IsReadable(status):
        return  # firmware 1905.4.83 has no status
    assert status.GetCurrentEntry().GetSymbolic() == "Ready"


def _run_single_camera(cam: PySpin.CameraPtr, clock: VirtualClock, sync: bool) -> Results:
    information = PySpin.CCategoryPtr(cam.GetTLDeviceNodeMap().GetNode("DeviceInformation"))
    assert PySpin.IsReadable(information)
    for feature in information.GetFeatures():
        node = PySpin.CValuePtr(feature)
        assert PySpin.IsReadable(node)
        assert node.ToString() is not None
    cam.Init()
    nodemap = cam.GetNodeMap()
    inference = PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable"))
    assert PySpin.IsWritable(inference)
    assert _upload(nodemap, "InferenceNetwork", tiny_ir())
    _wait(nodemap, clock)
    _set(nodemap, "InferenceNetworkTypeSelector", "Classification")
    inference.SetValue(True)
    if sync:
        _set(nodemap, "TriggerSelector", "FrameStart")
        _set(nodemap, "TriggerSource", "InferenceReady")
        _set(nodemap, "TriggerMode", "On")
    PySpin.CBooleanPtr(nodemap.GetNode("ChunkModeActive")).SetValue(True)
    for chunk in ("InferenceFrameId", "InferenceResult", "InferenceConfidence"):
        _set_chunk(nodemap, chunk, True)
    _set(nodemap, "AcquisitionMode", "Continuous")
    results = _acquire(cam, 20)
    for chunk in ("InferenceFrameId", "InferenceResult", "InferenceConfidence"):
        _set_chunk(nodemap, chunk, False)
    PySpin.CBooleanPtr(nodemap.GetNode("ChunkModeActive")).SetValue(False)
    inference.SetValue(False)
    _set(nodemap, "TriggerMode", "Off")
    assert _execute(nodemap, "Delete")
    cam.DeInit()
    return results


@pytest.mark.simulation
@pytest.mark.parametrize("sync", [False, True], ids=["free", "sync"])
def test_the_vendors_inference_example_runs_to_its_end(sync: bool) -> None:
    clock = VirtualClock()
    spec = SimulationSpec(
        scene=SceneSpec(parts_per_minute=900, distinct=10),
        transport=TransportSpec(file_access_buffer_bytes=4096),
    )
    with bus.local_camera(profile().applied(spec), clock) as device:
        system = PySpin.System.GetInstance()
        cam_list = system.GetCameras()
        assert cam_list.GetSize() == 1
        for cam in cam_list:
            results = _run_single_camera(cam, clock, sync)
        del cam
        cam_list.Clear()
        system.ReleaseInstance()
        truth = {(r["class_id"], r["confidence"]) for r in device.truth()["inferences"]}
    assert [row[0] for row in results] == list(range(20))
    assert all((row[0] == row[1]) if sync else (row[1] <= row[0]) for row in results)
    assert {row[2:] for row in results[2:]} <= truth
