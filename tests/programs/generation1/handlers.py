"""Written for 1.x: handlers are called events, and RegisterEvent takes them."""

import sys
import time

import PySpin


class Images(PySpin.ImageEvent):
    def __init__(self):
        super(Images, self).__init__()
        self.count = 0

    def OnImageEvent(self, image):
        self.count += 1


class Arrivals(PySpin.InterfaceEvent):
    def __init__(self):
        super(Arrivals, self).__init__()

    def OnDeviceArrival(self, serial_number):
        print("arrived: %i" % serial_number)

    def OnDeviceRemoval(self, serial_number):
        print("left: %i" % serial_number)


system = PySpin.System.GetInstance()
arrivals = Arrivals()
system.RegisterInterfaceEvent(arrivals)
cam_list = system.GetCameras()
cam = cam_list.GetByIndex(0)
cam.Init()
images = Images()
cam.RegisterEvent(images)
cam.BeginAcquisition()
for _ in range(100):
    if images.count >= 3:
        break
    time.sleep(0.05)
cam.EndAcquisition()
cam.UnregisterEvent(images)
system.UnregisterInterfaceEvent(arrivals)
print("images", images.count >= 3)
cam.DeInit()
fine = images.count >= 3
del cam, images, arrivals
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
