"""One frame, or what can be found out about why there is none."""

import sys

import PySpin

system = PySpin.System.GetInstance()
cam = system.GetCameras()[0]
cam.Init()
cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
code = 0
try:
    cam.BeginAcquisition()
    image = cam.GetNextImage(300)
    print("frame", image.GetFrameID())
    image.Release()
    del image
except PySpin.SpinnakerException as ex:
    print("no frame:", ex)
    print("exposure %.0f us, trigger %s" % (cam.ExposureTime(), cam.TriggerMode.ToString()))
    print("the camera is %s" % ("busy" if system.GetCameras().GetSize() == 0 else "idle"))
    code = 1
if cam.IsStreaming():
    cam.EndAcquisition()
cam.DeInit()
del cam
system.ReleaseInstance()
sys.exit(code)
