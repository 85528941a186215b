"""Forgets Release, as one program in six does: rebinding the variable has to be enough."""

import sys

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list.GetByIndex(0)
cam.Init()
cam.BeginAcquisition()
ids = []
for _ in range(25):
    img = cam.GetNextImage(1000)
    ids.append(img.GetFrameID())
print("frames", len(ids), "last", ids[-1], "in use", cam.GetNumImagesInUse())
cam.EndAcquisition()
cam.DeInit()
img.Release()
del img
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if len(set(ids)) == 25 else 1)
