"""Looks like OpenCV's VideoCapture: properties by name, clamped, and cleaning up when it is deleted."""

import sys
import warnings

import PySpin


class VideoCapture:
    def __init__(self, index=0):
        self._system = PySpin.System.GetInstance()
        self._cam_list = self._system.GetCameras()
        if isinstance(index, str):
            self._cam = self._cam_list.GetBySerial(index)
        else:
            self._cam = self._cam_list.GetByIndex(index)
        self.grab_timeout = PySpin.EVENT_TIMEOUT_INFINITE
        if self._cam.IsValid():
            self._cam.Init()

    def __del__(self):
        self.release()

    @property
    def cam(self):
        return self._cam

    def isOpened(self):
        return self._cam is not None and self._cam.IsValid() and self._cam.IsInitialized()

    def release(self):
        if self._cam is None:
            return
        if self.isOpened():
            if self._cam.IsStreaming():
                self._cam.EndAcquisition()
            self._cam.DeInit()
        self._cam = None
        self._cam_list.Clear()
        self._system.ReleaseInstance()

    def read(self):
        if not self._cam.IsStreaming():
            self._cam.BeginAcquisition()
        if (
            self._cam.TriggerMode.GetValue() == PySpin.TriggerMode_On
            and self._cam.TriggerSource.GetValue() == PySpin.TriggerSource_Software
        ):
            self._cam.TriggerSoftware.Execute()
        image = self._cam.GetNextImage(self.grab_timeout)
        if image.IsIncomplete():
            return False, None
        array = image.GetNDArray().copy()
        image.Release()
        return True, array

    def set(self, name, value):
        node = getattr(self._cam, name, None)
        if node is None or not PySpin.IsWritable(node):
            warnings.warn("cannot write " + name, stacklevel=2)
            return False
        if type(node) in (PySpin.IInteger, PySpin.IFloat):
            value = min(max(value, node.GetMin()), node.GetMax())
            value = int(value) if type(node) is PySpin.IInteger else float(value)
        elif isinstance(node, PySpin.IEnumeration) and isinstance(value, str):
            value = getattr(PySpin, name + "_" + value)
        elif type(node) is PySpin.ICommand:
            node.Execute()
            return True
        node.SetValue(value)
        return True

    def get(self, name):
        node = getattr(self._cam, name, None)
        return node.GetValue() if PySpin.IsReadable(node) else None


def main():
    cap = VideoCapture(0)
    if not cap.isOpened():
        print("no camera")
        return 1
    print("nothing there:", cap.set("NoSuchNode", 1), cap.get("NoSuchNode"), cap.get("SequencerMode"))
    cap.set("ExposureAuto", "Off")
    cap.set("ExposureTime", 10**9)
    longest = cap.get("ExposureTime")
    cap.set("ExposureTime", 5000)
    cap.set("GainAuto", "Off")
    cap.set("Gain", -3)
    cap.set("TriggerSource", "Software")
    cap.set("TriggerMode", "On")
    shapes = [cap.read()[1].shape for _ in range(3)]
    locked = cap.set("PixelFormat", "Mono8")
    print("longest", longest, "gain", cap.get("Gain"), "mode", cap.get("TriggerMode"), "shapes", shapes, "set", locked)
    fine = shapes == [(1080, 1440)] * 3 and not locked and longest == 30e6 and cap.get("Gain") == 0
    fine = fine and cap.get("TriggerMode") == PySpin.TriggerMode_On
    cap.set("TriggerMode", "Off")
    serial = cap.get("DeviceSerialNumber")
    del cap
    again = VideoCapture(serial)
    fine = fine and again.isOpened() and again.read()[0]
    again.release()
    again.release()
    return 0 if fine else 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
