"""Records frames, then stops the flow by switching the trigger on, drains what is left and only then ends."""

import sys
import time

import PySpin


class Recorder:
    def __init__(self, cam):
        self.cam = cam
        self.cam.Init()
        self.cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
        self.cam.TLStream.StreamBufferCountMode.SetValue(PySpin.StreamBufferCountMode_Manual)
        self.cam.TLStream.StreamBufferCountManual.SetValue(20)
        self.cam.TLStream.StreamBufferHandlingMode.SetValue(PySpin.StreamBufferHandlingMode_OldestFirst)
        self.frames = []
        self.timestamps = []

    def _keep(self, image):
        if image.IsIncomplete():
            print("incomplete", image.GetImageStatus())
        else:
            self.frames.append(image.GetFrameID())
            self.timestamps.append(image.GetTimeStamp())
        image.Release()

    def record(self, count):
        self.cam.BeginAcquisition()
        while len(self.frames) < count:
            self._keep(self.cam.GetNextImage(1000))
        # Let some frames pile up before the flow is stopped.
        time.sleep(0.1)
        self.cam.TriggerMode.SetValue(PySpin.TriggerMode_On)
        drained = 0
        while True:
            try:
                self._keep(self.cam.GetNextImage(100))
                drained += 1
            except PySpin.SpinnakerException as ex:
                if ex.errorcode != -1011:
                    raise
                break
        self.cam.EndAcquisition()
        self.cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
        return drained


system = PySpin.System.GetInstance()
cameras = system.GetCameras()
recorder = Recorder(cameras.GetByIndex(0))
drained = recorder.record(5)
gapless = recorder.frames == list(range(len(recorder.frames)))
monotonic = all(a < b for a, b in zip(recorder.timestamps, recorder.timestamps[1:], strict=False))
print("recorded", len(recorder.frames), "drained", drained, "gapless", gapless, "monotonic", monotonic)
recorder.cam.DeInit()
del recorder
cameras.Clear()
system.ReleaseInstance()
sys.exit(0 if gapless and monotonic and drained > 0 else 1)
