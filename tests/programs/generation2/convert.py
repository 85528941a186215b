"""Written for 2.x: frames convert themselves, and the constants have their old names."""

import sys

import PySpin

system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list.GetByIndex(0)
cam.Init()
cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
cam.BeginAcquisition()
fine = True
for i in range(3):
    image_result = cam.GetNextImage(1000, 0)
    if image_result.IsIncomplete():
        print("incomplete, status %d" % image_result.GetImageStatus())
        fine = fine and image_result.GetImageStatus() != PySpin.IMAGE_NO_ERROR
        continue
    converted = image_result.Convert(PySpin.PixelFormat_Mono8, PySpin.HQ_LINEAR)
    colour = image_result.Convert(PySpin.PixelFormat_BGR8)
    converted.Save("Convert-%d.jpg" % i)
    print("image %d: %s and %s" % (i, converted.GetNDArray().shape, colour.GetNDArray().shape))
    fine = fine and colour.GetNDArray().shape == (1080, 1440, 3)
    image_result.Release()
statistics = converted.CalculateStatistics(PySpin.GREY) if hasattr(converted, "CalculateStatistics") else None
print("statistics", statistics, "timeout code", PySpin.SPINNAKER_ERR_TIMEOUT, "range", PySpin.GENICAM_ERR_OUT_OF_RANGE)
fine = fine and PySpin.SPINNAKER_ERR_TIMEOUT == -1011 and PySpin.GENICAM_ERR_OUT_OF_RANGE == -2002
cam.EndAcquisition()
cam.DeInit()
del image_result, converted, colour, cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
