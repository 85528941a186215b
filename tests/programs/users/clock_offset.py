"""Latches the camera's clock and compares it with that of the frames."""

import sys
import time

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
offsets = []
for _ in range(5):
    before = time.time_ns()
    cam.TimestampLatch.Execute()
    after = time.time_ns()
    latched = cam.TimestampLatchValue.GetValue()
    offsets.append(((before + after) // 2 - latched, after - before))
offset, spread = min(offsets, key=lambda one: one[1])
cam.BeginAcquisition()
ages = []
for _ in range(5):
    image = cam.GetNextImage(1000)
    ages.append((time.time_ns() - image.GetTimeStamp() - offset) / 1e6)
    image.Release()
cam.EndAcquisition()
print("round trip %.3f ms, ages of frames in ms: %s" % (spread / 1e6, ["%.1f" % age for age in ages]))
cam.DeInit()
del image, cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if all(0 < age < 1000 for age in ages) else 1)
