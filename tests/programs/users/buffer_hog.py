"""Holds on to every image: with all buffers taken nothing comes any more, until some are given back."""

import sys

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
stream = cam.GetTLStreamNodeMap()
mode = PySpin.CEnumerationPtr(stream.GetNode("StreamBufferCountMode"))
mode.SetIntValue(mode.GetEntryByName("Manual").GetValue())
PySpin.CIntegerPtr(stream.GetNode("StreamBufferCountManual")).SetValue(10)
cam.BeginAcquisition()
held = []
code = 0
while len(held) < 50:
    try:
        held.append(cam.GetNextImage(250))
    except PySpin.SpinnakerException as ex:
        code = ex.errorcode
        break
print("held", len(held), "then", code)
for image in held:
    image.Release()
    image.Release()
more = cam.GetNextImage(1000)
print("after Release: frame", more.GetFrameID())
ok = code == -1011 and len(held) <= 10 and more.GetFrameID() > len(held) - 1
cam.EndAcquisition()
more.Release()
cam.DeInit()
del held, image, more, cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if ok else 1)
