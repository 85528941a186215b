"""Annotated code, names of the submodule, single frames and bursts."""

from __future__ import annotations

import sys

import numpy as np
import PySpin
from PySpin import SpinnakerException, System
from PySpin.PySpin import AcquisitionMode_MultiFrame, AcquisitionMode_SingleFrame, TriggerMode_Off

Opened = PySpin.CameraPtr | None


def first(cameras: PySpin.CameraList) -> PySpin.CameraPtr | None:
    for camera in cameras:
        return camera
    return None


def count_until_timeout(camera: PySpin.CameraPtr) -> int:
    count = 0
    camera.BeginAcquisition()
    try:
        while count < 20:
            image: PySpin.ImagePtr = camera.GetNextImage(200, 0)
            assert isinstance(image, PySpin.ImagePtr)
            count += 1
            image.Release()
    except SpinnakerException as error:
        if error.errorcode != -1011:
            raise
    camera.EndAcquisition()
    return count


def main() -> int:
    system: PySpin.SystemPtr = System.GetInstance()
    cameras = system.GetCameras(updateInterfaces=False, updateCameras=True)
    camera = first(cameras)
    if camera is None:
        return 1
    assert isinstance(camera, PySpin.CameraPtr)
    assert type(camera).__name__ == "CameraPtr"
    assert not camera.IsInitialized()
    camera.Init()
    assert camera.IsInitialized()
    assert camera.IsValid()
    assert not camera.IsStreaming()
    camera.TriggerMode.SetValue(TriggerMode_Off)
    camera.AcquisitionMode.SetValue(AcquisitionMode_SingleFrame)
    single = count_until_timeout(camera)
    camera.AcquisitionMode.SetValue(AcquisitionMode_MultiFrame)
    camera.AcquisitionFrameCount.SetValue(4)
    burst = count_until_timeout(camera)
    print("single", single, "burst", burst)

    camera.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
    camera.BeginAcquisition()
    image = camera.GetNextImage(1000)
    data = image.GetData()
    flat = np.frombuffer(data, np.uint8)
    same = np.array_equal(flat.reshape(image.GetHeight(), image.GetWidth()), image.GetNDArray())
    print(image.GetPixelFormatName(), image.GetBitsPerPixel(), image.GetStride(), image.GetImageSize(), same)
    whole = image.GetPixelFormat() == PySpin.PixelFormat_Mono8 and image.GetStride() == 1440
    image.Release()
    camera.EndAcquisition()
    try:
        camera.EndAcquisition()
        whole = False
    except SpinnakerException as error:
        print(error)
        whole &= "Camera is not started." in str(error)
    camera.DeInit()
    del image, camera
    cameras.Clear()
    system.ReleaseInstance()
    return 0 if (single, burst) == (1, 4) and same and whole else 1


if __name__ == "__main__":
    sys.exit(main())
