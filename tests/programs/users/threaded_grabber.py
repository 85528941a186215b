"""A thread grabs while the main thread reads nodes; the main thread then ends the acquisition under its feet."""

import queue
import sys
import threading

import PySpin


class Grabber(threading.Thread):
    def __init__(self, cam):
        super().__init__()
        self.cam = cam
        self.frames = queue.Queue()
        self.reason = None

    def run(self):
        try:
            while True:
                image = self.cam.GetNextImage()
                self.frames.put((image.GetFrameID(), image.GetNDArray()))
                image.Release()
        except PySpin.SpinnakerException as ex:
            self.reason = str(ex)


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    nodemap = cam.GetNodeMap()
    cam.BeginAcquisition()
    grabber = Grabber(cam)
    grabber.start()

    readings = 0
    got = []
    while len(got) < 8:
        temperature = PySpin.CFloatPtr(nodemap.GetNode("DeviceTemperature")).GetValue()
        rate = cam.AcquisitionResultingFrameRate.GetValue()
        exposure = cam.ExposureTime()
        readings += 3
        try:
            got.append(grabber.frames.get(timeout=0.05)[0])
        except queue.Empty:
            pass
    print("temperature %.1f C, %.1f Hz, exposure %.0f us" % (temperature, rate, exposure))

    # No more frames: the thread blocks in GetNextImage without a timeout.
    cam.TriggerSource.SetValue(PySpin.TriggerSource_Software)
    cam.TriggerMode.SetValue(PySpin.TriggerMode_On)
    while True:
        try:
            got.append(grabber.frames.get(timeout=0.3)[0])
        except queue.Empty:
            break
    cam.EndAcquisition()
    grabber.join(5)
    alive = grabber.is_alive()
    print("frames", got, "readings", readings, "thread alive", alive)
    print("reason:", grabber.reason)
    ok = not alive and grabber.reason is not None and "Stream has been aborted" in grabber.reason
    cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
    cam.DeInit()
    del grabber, cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
