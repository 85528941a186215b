"""Pixel format and a quarter of the sensor, by attributes."""

import sys

import PySpin


def configure(cam):
    if cam.PixelFormat.GetAccessMode() == PySpin.RW:
        cam.PixelFormat.SetValue(PySpin.PixelFormat_Mono8)
        print("pixel format %s" % cam.PixelFormat.GetCurrentEntry().GetSymbolic())
        if cam.PixelFormat.GetValue() != PySpin.PixelFormat_Mono8:
            return False
    else:
        print("pixel format not available")
        return False
    for offset, size in ((cam.OffsetX, cam.Width), (cam.OffsetY, cam.Height)):
        if size.GetAccessMode() != PySpin.RW or size.GetInc() == 0:
            print("%s not available" % size.GetName())
            return False
        size.SetValue(size.GetMax() // 2 // size.GetInc() * size.GetInc())
        if offset.GetAccessMode() != PySpin.RW:
            print("%s not available" % offset.GetName())
            return False
        offset.SetValue(offset.GetMax())
        print("%s %d, %s %d" % (offset.GetName(), offset.GetValue(), size.GetName(), size.GetValue()))
    return True


def restore(cam):
    cam.OffsetX.SetValue(cam.OffsetX.GetMin())
    cam.OffsetY.SetValue(cam.OffsetY.GetMin())
    cam.Width.SetValue(cam.Width.GetMax())
    cam.Height.SetValue(cam.Height.GetMax())
    return cam.Width.GetValue() == cam.WidthMax.GetValue() and cam.OffsetX.GetMax() == 0


def run_single_camera(cam):
    try:
        cam.Init()
        result = configure(cam)
        cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
        cam.BeginAcquisition()
        image = cam.GetNextImage(1000)
        print("image %d x %d" % (image.GetWidth(), image.GetHeight()))
        result &= image.GetNDArray().shape == (cam.Height.GetValue(), cam.Width.GetValue())
        image.Save("ImageFormatControlQS-%s-0.bmp" % cam.TLDevice.DeviceSerialNumber.GetValue())
        image.Release()
        cam.EndAcquisition()
        result &= restore(cam)
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    result = cam_list.GetSize() > 0
    for cam in cam_list:
        result &= run_single_camera(cam)
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
