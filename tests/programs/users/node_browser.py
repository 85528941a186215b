"""Every node of the camera in one flat list, with its limits and its entries, and the node map by number."""

import json
import sys

import PySpin


def describe(node):
    kind = node.GetPrincipalInterfaceType()
    told = {"name": node.GetName(), "display": node.GetDisplayName(), "access": node.GetAccessMode(), "kind": kind}
    if not PySpin.IsReadable(node):
        return told
    if kind == PySpin.intfIInteger:
        pointer = PySpin.CIntegerPtr(node)
        told.update(value=pointer.GetValue(), limits=[pointer.GetMin(), pointer.GetMax(), pointer.GetInc()])
    elif kind == PySpin.intfIFloat:
        pointer = PySpin.CFloatPtr(node)
        told.update(value=pointer.GetValue(), limits=[pointer.GetMin(), pointer.GetMax()], unit=pointer.GetUnit())
    elif kind == PySpin.intfIEnumeration:
        pointer = PySpin.CEnumerationPtr(node)
        entries = [PySpin.CEnumEntryPtr(one) for one in pointer.GetEntries()]
        told.update(value=pointer.ToString(), entries={one.GetSymbolic(): one.GetValue() for one in entries})
    elif kind in (PySpin.intfIBoolean, PySpin.intfIString):
        told.update(value=PySpin.CValuePtr(node).ToString())
    elif kind == PySpin.intfIRegister:
        told.update(length=PySpin.CRegisterPtr(node).GetLength())
    return told


system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
nodemap = cam.GetNodeMap()
nodes = [PySpin.CNodePtr(node) for node in nodemap.GetNodes()]
profile = [describe(node) for node in nodes if node.GetPrincipalInterfaceType() != PySpin.intfICategory]
kinds = {one["kind"] for one in profile}
with open("profile.json", "w") as file:
    json.dump(profile, file, indent=1)
print("nodes", len(nodes), "of", nodemap.GetNumNodes(), "kinds", sorted(kinds))
names = {one["name"] for one in profile}
wanted = {"InferenceEnable", "FileAccessBuffer", "ChunkSelector", "ExposureTime", "DeviceReset", "DeviceTemperature"}
print("missing", sorted(wanted - names))
fine = wanted <= names and {2, 3, 4, 5, 6, 7, 9} <= kinds
cam.DeInit()
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
