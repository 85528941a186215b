"""Inference results by events, read from the nodes in the callbacks, as newer programs do it.

usage: event_nodes.py NETWORK
"""

import sys
import threading

import numpy as np
import PySpin


class ResultCallback(PySpin.NodeCallback):
    def __init__(self, nodemap, wanted):
        super().__init__()
        self.result = PySpin.CIntegerPtr(nodemap.GetNode("EventInferenceResult"))
        self.confidence = PySpin.CFloatPtr(nodemap.GetNode("EventInferenceConfidence"))
        self.wanted = wanted
        self.seen = []
        self.enough = threading.Event()

    def CallbackFunction(self, node):
        self.seen.append((PySpin.CIntegerPtr(node).GetValue(), self.result.GetValue(), self.confidence.GetValue()))
        if len(self.seen) >= self.wanted:
            self.enough.set()


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    node.SetIntValue(int(node.GetEntryByName(symbolic).GetNumericValue()))


def execute(nodemap, operation):
    set_entry(nodemap, "FileOperationSelector", operation)
    PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute")).Execute()
    told = PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus")).ToString()
    if told != "Success":
        raise RuntimeError("%s: %s" % (operation, told))


def upload(nodemap, path):
    data = np.fromfile(path, np.uint8)
    set_entry(nodemap, "FileSelector", "InferenceNetwork")
    if PySpin.CIntegerPtr(nodemap.GetNode("FileSize")).GetValue():
        execute(nodemap, "Delete")
    set_entry(nodemap, "FileOpenMode", "Write")
    execute(nodemap, "Open")
    try:
        register = PySpin.CRegisterPtr(nodemap.GetNode("FileAccessBuffer"))
        length = PySpin.CIntegerPtr(nodemap.GetNode("FileAccessLength"))
        PySpin.CIntegerPtr(nodemap.GetNode("FileAccessOffset")).SetValue(0)
        step = min(register.GetLength(), length.GetMax())
        for start in range(0, data.size, step):
            piece = data[start : start + step]
            length.SetValue(piece.size)
            register.Set(np.pad(piece, (0, -piece.size % 4), constant_values=0xFF))
            execute(nodemap, "Write")
    finally:
        execute(nodemap, "Close")


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    nodemap = cam.GetNodeMap()
    upload(nodemap, sys.argv[1])
    set_entry(nodemap, "InferenceNetworkTypeSelector", "Classification")
    PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable")).SetValue(True)
    set_entry(nodemap, "EventSelector", "Inference")
    set_entry(nodemap, "EventNotification", "On")
    callback = ResultCallback(nodemap, 3)
    PySpin.RegisterNodeCallback(PySpin.CIntegerPtr(nodemap.GetNode("EventInferenceFrameID")).GetNode(), callback)
    cam.BeginAcquisition()
    for _ in range(120):
        image = cam.GetNextImage(1000)
        image.Release()
        if callback.enough.is_set():
            break
    cam.EndAcquisition()
    PySpin.DeregisterNodeCallback(callback)
    print("events", callback.seen[:3])
    frames = [one[0] for one in callback.seen]
    fine = len(frames) >= 3 and frames == sorted(frames) and all(0 <= one[2] <= 1 for one in callback.seen)
    set_entry(nodemap, "EventNotification", "Off")
    PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable")).SetValue(False)
    cam.DeInit()
    del image, cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
