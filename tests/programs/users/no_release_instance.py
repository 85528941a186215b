"""Ends as many scripts do: no DeInit, no Clear, no ReleaseInstance."""

import PySpin

system = PySpin.System.GetInstance()
cam = system.GetCameras()[0]
cam.Init()
cam.BeginAcquisition()
image = cam.GetNextImage(1000)
print("mean", round(float(image.GetNDArray().mean()), 1))
