"""The deeper pixel formats, as arrays of the fitting type."""

import sys

import numpy as np
import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
fine = True
entries = [PySpin.CEnumEntryPtr(one) for one in cam.PixelFormat.GetEntries() if PySpin.IsReadable(one)]
names = [one.GetName().split("PixelFormat_")[-1] for one in entries]
print("formats", names)
fine &= "Mono8" in names and "Mono16" in names
cam.PixelFormat.SetValue(PySpin.PixelFormat_Mono16)
cam.BeginAcquisition()
image = cam.GetNextImage(1000)
array = image.GetNDArray()
print(image.GetPixelFormatName(), array.dtype, array.shape, int(array.max()), image.GetData().dtype)
fine &= array.dtype == np.uint16 and array.shape == (1080, 1440) and array.max() > 255
fine &= image.GetPixelFormat() == PySpin.PixelFormat_Mono16 == 1
processor = PySpin.ImageProcessor()
small = processor.Convert(image, PySpin.PixelFormat_Mono8)
fine &= small.GetNDArray().dtype == np.uint8
image.Release()
cam.EndAcquisition()
if "Mono12p" in names:
    cam.PixelFormat.SetValue(PySpin.PixelFormat_Mono12p)
    cam.BeginAcquisition()
    packed = cam.GetNextImage(1000)
    print(packed.GetPixelFormatName(), packed.GetBitsPerPixel(), packed.GetData().size)
    fine &= packed.GetPixelFormat() == PySpin.PixelFormat_Mono12p == 19 and packed.GetBitsPerPixel() == 12
    fine &= packed.GetData().size == 1440 * 1080 * 3 // 2
    try:
        packed.GetNDArray()
        print("an array of packed pixels")
        fine = False
    except PySpin.SpinnakerException as ex:
        print("packed: %d" % ex.errorcode)
    packed.Release()
    cam.EndAcquisition()
    del packed
cam.PixelFormat.SetValue(PySpin.PixelFormat_Mono8)
cam.DeInit()
del image, small, cam
del entries
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
