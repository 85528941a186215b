"""Written for 2.x: the 3.x names are absent there, the image handler is the same."""

import sys
import time

import PySpin


class Counter(PySpin.ImageEventHandler):
    def __init__(self):
        super(Counter, self).__init__()
        self.means = []

    def OnImageEvent(self, image):
        small = image.Convert(PySpin.PixelFormat_Mono8)
        self.means.append(float(small.GetNDArray().mean()))


system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
counter = Counter()
cam.RegisterEventHandler(counter)
cam.BeginAcquisition()
for _ in range(100):
    if len(counter.means) >= 3:
        break
    time.sleep(0.05)
cam.EndAcquisition()
cam.UnregisterEventHandler(counter)
print("means", [round(mean, 1) for mean in counter.means[:3]])
absent = not hasattr(PySpin, "SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR")
print("new names absent:", absent)
cam.DeInit()
fine = len(counter.means) >= 3
del cam, counter
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine and absent else 1)
