"""Uploads a network and asks the camera what it has got; the nodes are looked up by the names that people see.

usage: verify_network.py NETWORK
"""

import os
import sys
import time

import numpy as np
import PySpin

SHOWN = (
    "Network Size",
    "Network Total Layers",
    "Network Input Width",
    "Network Input Height",
    "Network Input Channels",
    "Output Classes",
    "Max Network Size",
    "Max Bounding Boxes",
)


def select(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    node.SetIntValue(int(PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic)).GetNumericValue()))


def operate(nodemap, operation):
    select(nodemap, "FileOperationSelector", operation)
    PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute")).Execute()
    if PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus")).GetCurrentEntry().GetSymbolic() != "Success":
        raise RuntimeError(operation)


def upload(nodemap, data):
    select(nodemap, "FileSelector", "InferenceNetwork")
    if PySpin.CIntegerPtr(nodemap.GetNode("FileSize")).GetValue():
        operate(nodemap, "Delete")
    select(nodemap, "FileOpenMode", "Write")
    operate(nodemap, "Open")
    register = PySpin.CRegisterPtr(nodemap.GetNode("FileAccessBuffer"))
    length = PySpin.CIntegerPtr(nodemap.GetNode("FileAccessLength"))
    PySpin.CIntegerPtr(nodemap.GetNode("FileAccessOffset")).SetValue(0)
    for start in range(0, len(data), register.GetLength()):
        piece = data[start : start + register.GetLength()]
        length.SetValue(len(piece))
        register.Set(np.frombuffer(piece + b"\xff" * (-len(piece) % 4), np.uint8))
        operate(nodemap, "Write")
    operate(nodemap, "Close")


def properties(nodemap):
    told = {}
    for node in nodemap.GetNodes():
        if node.GetDisplayName() in SHOWN and node.GetPrincipalInterfaceType() == PySpin.intfIInteger:
            if PySpin.IsReadable(node):
                told[node.GetDisplayName()] = PySpin.CIntegerPtr(node).GetValue()
    return told


def main():
    path = sys.argv[1]
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    nodemap = cam.GetNodeMap()
    with open(path, "rb") as file:
        upload(nodemap, file.read())
    select(nodemap, "InferenceNetworkTypeSelector", "Classification")
    PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable")).SetValue(True)
    told = {}
    for _ in range(50):
        told = properties(nodemap)
        if told.get("Network Size"):
            break
        time.sleep(0.1)
    status = PySpin.CEnumerationPtr(nodemap.GetNode("InferenceNetworkStatus"))
    print("status", status.ToString() if PySpin.IsReadable(status) else "unknown")
    print(told)
    fine = told.get("Network Size") == os.path.getsize(path) <= told.get("Max Network Size", 0)
    fine = fine and told["Network Input Width"] > 1 and told["Output Classes"] > 1 and told["Network Total Layers"] > 1
    PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable")).SetValue(False)
    cam.DeInit()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
