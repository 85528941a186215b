"""Saves settings in a user set, spoils them, loads them again, and makes them the ones of power on."""

import sys

import PySpin

nodemap = None


def enum(name, symbolic=None):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if symbolic is not None:
        node.SetIntValue(node.GetEntryByName(symbolic).GetValue())
    return node.GetCurrentEntry().GetSymbolic()


def integer(name, value=None):
    node = PySpin.CIntegerPtr(nodemap.GetNode(name))
    if value is not None:
        node.SetValue(value)
    return node.GetValue()


def number(name, value=None):
    node = PySpin.CFloatPtr(nodemap.GetNode(name))
    if value is not None:
        node.SetValue(value)
    return node.GetValue()


def run(name):
    command = PySpin.CCommandPtr(nodemap.GetNode(name))
    command.Execute()
    return command.IsDone()


def settings():
    exposure = enum("ExposureAuto"), round(number("ExposureTime"))
    return (*exposure, integer("Width"), integer("Height"), enum("TriggerSource"))


system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
nodemap = cam.GetNodeMap()
enum("ExposureAuto", "Off")
number("ExposureTime", 3000)
integer("Width", 720)
integer("Height", 540)
enum("TriggerSource", "Line0")
wanted = settings()

enum("UserSetSelector", "UserSet1")
saved = run("UserSetSave")
enum("UserSetSelector", "Default")
run("UserSetLoad")
factory = settings()
enum("UserSetSelector", "UserSet1")
run("UserSetLoad")
loaded = settings()
print("saved", wanted)
print("factory", factory)
print("loaded", loaded)

standard = "UserSetDefault" if nodemap.GetNode("UserSetDefault") else "UserSetDefaultSelector"
enum(standard, "UserSet1")
read_back = enum(standard)
enum(standard, "Default")
print("default was", read_back, "done", saved)
fine = loaded == wanted and factory[2:4] == (1440, 1080) and read_back == "UserSet1"
cam.DeInit()
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
