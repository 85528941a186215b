"""Binning halves what Width may be, flipping mirrors the image, and all of it is locked while streaming."""

import sys

import PySpin


def grab(cam):
    cam.BeginAcquisition()
    image = cam.GetNextImage(1000)
    array = image.GetNDArray()
    locked = [node.GetName() for node in (cam.Width, cam.OffsetX, cam.PixelFormat) if PySpin.IsWritable(node)]
    image.Release()
    cam.EndAcquisition()
    return array, locked


system = PySpin.System.GetInstance()
cam_list = system.GetCameras()
cam = cam_list[0]
cam.Init()
fine = True
cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
cam.GainAuto.SetValue(PySpin.GainAuto_Off)
if PySpin.IsWritable(cam.BinningHorizontal) and cam.BinningHorizontal.GetMax() > 1:
    cam.BinningHorizontal.SetValue(2)
    if PySpin.IsWritable(cam.BinningVertical):
        cam.BinningVertical.SetValue(2)
    array, locked = grab(cam)
    print("binned", array.shape, "at most", cam.Width.GetMax(), cam.Height.GetMax(), "writable:", locked)
    fine &= array.shape == (540, 720) and cam.Width.GetMax() == 720 and cam.WidthMax() == 720 and not locked
    cam.BinningHorizontal.SetValue(1)
    cam.BinningVertical.SetValue(1)
fine &= cam.Width.GetMax() == 1440
if PySpin.IsWritable(cam.ReverseX):
    cam.ReverseX.SetValue(True)
    print("flipped", cam.ReverseX(), grab(cam)[0].shape)
    cam.ReverseX.SetValue(False)
cam.DeviceIndicatorMode.SetValue(PySpin.DeviceIndicatorMode_Inactive)
cam.DeviceIndicatorMode.SetValue(PySpin.DeviceIndicatorMode_Active)
cam.TriggerDelay.SetValue(cam.TriggerDelay.GetMin())
cam.TriggerOverlap.SetValue(PySpin.TriggerOverlap_ReadOut)
cam.LineSelector.SetValue(PySpin.LineSelector_Line1)
cam.LineMode.SetValue(PySpin.LineMode_Output)
cam.LineSource.SetValue(PySpin.LineSource_ExposureActive)
cam.LineMode.SetValue(PySpin.LineMode_Input)
cam.GammaEnable.SetValue(True)
cam.Gamma.SetValue(1)
print("gamma", cam.Gamma(), "depth", cam.AdcBitDepth.ToString(), "queue", cam.TransferQueueCurrentBlockCount())
cam.DeInit()
del cam
cam_list.Clear()
system.ReleaseInstance()
sys.exit(0 if fine else 1)
