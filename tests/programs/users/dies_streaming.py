"""Is killed in the middle of its work, as programs are."""

import os
import signal

import PySpin

system = PySpin.System.GetInstance()
cam = system.GetCameras()[0]
cam.Init()
cam.BeginAcquisition()
image = cam.GetNextImage(1000)
print("frame", image.GetFrameID(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
