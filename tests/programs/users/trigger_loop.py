"""Frames on demand: trigger, wait, use, and again at once."""

import sys
import time

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
nodemap = cam.GetNodeMap()
cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
cam.TriggerSelector.SetValue(PySpin.TriggerSelector_FrameStart)
cam.TriggerSource.SetValue(PySpin.TriggerSource_Software)
cam.TriggerMode.SetValue(PySpin.TriggerMode_On)
cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
cam.BeginAcquisition()
frames = []
missed = 0
started = time.perf_counter()
for _ in range(6):
    PySpin.CCommandPtr(nodemap.GetNode("TriggerSoftware")).Execute()
    try:
        image = cam.GetNextImage(500)
        frames.append(image.GetFrameID())
        image.Release()
    except PySpin.SpinnakerException as ex:
        print(ex)
        missed += 1
print("frames", frames, "missed", missed, "in %.0f ms" % ((time.perf_counter() - started) * 1000))
cam.EndAcquisition()
cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
cam.DeInit()
del image, cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if not missed else 1)
