"""Resets a camera as the vendor's source shows it: out of the list, given up, and looked for until it is back."""

import sys
import time

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list.GetByIndex(0)
serial = PySpin.CStringPtr(cam.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber")).GetValue()
cam.Init()
uptime = PySpin.CIntegerPtr(cam.GetNodeMap().GetNode("DeviceUptime"))
print("uptime", uptime.GetValue() if PySpin.IsReadable(uptime) else "unknown")
PySpin.CFloatPtr(cam.GetNodeMap().GetNode("BlackLevel")).SetValue(3)
PySpin.CCommandPtr(cam.GetNodeMap().GetNode("DeviceReset")).Execute()
cam_list.RemoveBySerial(serial)
try:
    cam.DeInit()
except PySpin.SpinnakerException as ex:
    print("DeInit:", ex.errorcode)
cam = None
tries = 0
while cam is None or not cam.IsValid():
    time.sleep(0.5)
    tries += 1
    if tries > 20:
        print("it did not come back")
        sys.exit(1)
    cam_list.Clear()
    cam_list = system.GetCameras()
    cam = cam_list.GetBySerial(serial)
cam.Init()
level = cam.BlackLevel.GetValue()
print("back after", tries, "black level", level)
cam.DeInit()
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if level != 3 else 1)
