"""Resets the camera and waits for it to come back, with arrival and removal told by events."""

import sys
import time

import PySpin


class Watcher(PySpin.InterfaceEventHandler):
    def __init__(self):
        super().__init__()
        self.arrived = []
        self.left = []

    @staticmethod
    def serial_of(camera):
        return PySpin.CStringPtr(camera.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber")).GetValue()

    def OnDeviceArrival(self, camera):
        self.arrived.append(self.serial_of(camera))

    def OnDeviceRemoval(self, camera):
        self.left.append(self.serial_of(camera))


def find(system, serial, attempts, pause_s):
    for _ in range(attempts):
        cam_list = system.GetCameras()
        cam = cam_list.GetBySerial(serial)
        cam_list.Clear()
        if cam.IsValid():
            return cam
        del cam
        time.sleep(pause_s)
    return None


def grab(cam):
    cam.Init()
    cam.BeginAcquisition()
    image = cam.GetNextImage(1000)
    frame = image.GetFrameID()
    image.Release()
    cam.EndAcquisition()
    return frame


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    serial = cam_list[0].TLDevice.DeviceSerialNumber.GetValue()
    cam_list.Clear()
    nobody = find(system, "00000000", 1, 0)
    watcher = Watcher()
    system.RegisterEventHandler(watcher)
    cam = find(system, serial, 1, 0)
    grab(cam)
    cam.DeviceReset()
    gone = False
    for _ in range(100):
        gone = find(system, serial, 1, 0) is None
        if gone:
            break
        time.sleep(0.05)
    try:
        cam.BeginAcquisition()
        print("the old reference still works")
        survived = True
    except PySpin.SpinnakerException as ex:
        print("old reference: %d" % ex.errorcode)
        survived = False
    try:
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("DeInit: %d" % ex.errorcode)
    del cam
    cam = find(system, serial, 100, 0.1)
    if cam is None:
        print("it did not come back")
        return 1
    frame = grab(cam)
    print("gone:", gone, "back with frame", frame, "events:", watcher.left == [serial], watcher.arrived == [serial])
    cam.DeInit()
    del cam
    system.UnregisterEventHandler(watcher)
    system.ReleaseInstance()
    fine = gone and not survived and nobody is None and frame == 0
    return 0 if fine and watcher.left == [serial] and watcher.arrived == [serial] else 1


if __name__ == "__main__":
    sys.exit(main())
