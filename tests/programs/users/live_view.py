"""A live view without a window: keeps the arrays of the last frames and never copies them."""

import collections

import numpy as np
import PySpin

HISTORY = 12  # more than there are stream buffers

system = PySpin.System.GetInstance()
cam = system.GetCameras()[0]
cam.Init()
cam.TLStream.StreamBufferHandlingMode.SetValue(PySpin.StreamBufferHandlingMode_NewestOnly)
cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
cam.BeginAcquisition()

view = collections.deque(maxlen=HISTORY)
sums = collections.deque(maxlen=HISTORY)
last_id = -1
for _ in range(HISTORY + 3):
    image_result = cam.GetNextImage()
    if image_result.IsIncomplete():
        continue
    assert image_result.GetFrameID() > last_id
    last_id = image_result.GetFrameID()
    array = image_result.GetNDArray()
    sums.append(int(array.sum()))
    view.append(array)
    image_result.Release()
cam.EndAcquisition()

intact = sum(int(array.sum()) == total for array, total in zip(view, sums, strict=True))
stack = np.stack(view)
print("frames kept:", len(view), "intact:", intact, "stack:", stack.shape, stack.dtype)
cam.DeInit()
del image_result
del cam
system.ReleaseInstance()
raise SystemExit(0 if intact == HISTORY else 1)
