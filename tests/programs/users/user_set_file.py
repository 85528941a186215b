"""Copies a user set out of the camera and in again, as a file."""

import sys

import numpy as np
import PySpin


def execute(cam, operation):
    cam.FileOperationSelector.SetValue(operation)
    cam.FileOperationExecute()
    if cam.FileOperationStatus() != PySpin.FileOperationStatus_Success:
        raise RuntimeError("file operation %d: %s" % (operation, cam.FileOperationStatus.ToString()))
    return cam.FileOperationResult()


def download(cam):
    cam.FileOpenMode.SetValue(PySpin.FileOpenMode_Read)
    execute(cam, PySpin.FileOperationSelector_Open)
    size = cam.FileSize()
    step = min(cam.FileAccessBuffer.GetLength(), size)
    data = bytearray()
    cam.FileAccessOffset.SetValue(0)
    while len(data) < size:
        cam.FileAccessLength.SetValue(min(step, size - len(data)))
        count = execute(cam, PySpin.FileOperationSelector_Read)
        data += bytes(cam.FileAccessBuffer.Get(count))
    execute(cam, PySpin.FileOperationSelector_Close)
    return bytes(data)


def upload(cam, data):
    cam.FileOpenMode.SetValue(PySpin.FileOpenMode_Write)
    execute(cam, PySpin.FileOperationSelector_Open)
    cam.FileAccessOffset.SetValue(0)
    step = cam.FileAccessBuffer.GetLength()
    for start in range(0, len(data), step):
        piece = np.frombuffer(data[start : start + step], dtype=np.uint8)
        cam.FileAccessLength.SetValue(piece.size)
        cam.FileAccessBuffer.Set(piece)
        execute(cam, PySpin.FileOperationSelector_Write)
    execute(cam, PySpin.FileOperationSelector_Close)


def save_width(cam, width):
    cam.Width.SetValue(width)
    cam.UserSetSelector.SetValue(PySpin.UserSetSelector_UserSet0)
    cam.UserSetSave()


system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
cam.FileSelector.SetValue(PySpin.FileSelector_UserSet0)
save_width(cam, 640)
first = download(cam)
save_width(cam, 960)
second = download(cam)
upload(cam, first)
cam.UserSetLoad()
print("set of %d bytes, different %s, width after the copy %d" % (len(first), first != second, cam.Width()))
fine = first != second and cam.Width() == 640 and download(cam) == first
cam.DeInit()
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
