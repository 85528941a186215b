"""A long exposure by attributes, some frames, then back to automatic exposure."""

import sys

import PySpin

NUM_IMAGES = 3
EXPOSURE_US = 200000.0


def configure_exposure(cam):
    if cam.ExposureAuto.GetAccessMode() != PySpin.RW:
        print("cannot switch automatic exposure off")
        return False
    cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
    if cam.ExposureTime.GetAccessMode() != PySpin.RW:
        print("cannot set the exposure time")
        return False
    exposure = min(cam.ExposureTime.GetMax(), EXPOSURE_US)
    cam.ExposureTime.SetValue(exposure)
    print("exposure %s us" % exposure)
    return True


def reset_exposure(cam):
    if cam.ExposureAuto.GetAccessMode() != PySpin.RW:
        print("cannot switch automatic exposure on")
        return False
    cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Continuous)
    return True


def acquire_images(cam):
    result = True
    if cam.AcquisitionMode.GetAccessMode() != PySpin.RW:
        return False
    cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
    cam.BeginAcquisition()
    serial = cam.TLDevice.DeviceSerialNumber.GetValue()
    timeout = 0
    if PySpin.IsReadable(cam.ExposureTime):
        timeout = (int)(cam.ExposureTime.GetValue() / 1000 + 1000)
    else:
        return False
    processor = PySpin.ImageProcessor()
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    for i in range(NUM_IMAGES):
        try:
            image = cam.GetNextImage(timeout)
            if image.IsIncomplete():
                print("incomplete, status %d" % image.GetImageStatus())
            else:
                print("image %d, %d x %d" % (i, image.GetWidth(), image.GetHeight()))
                processor.Convert(image, PySpin.PixelFormat_Mono8).Save("Exposure-%s-%d.jpg" % (serial, i))
            image.Release()
        except PySpin.SpinnakerException as ex:
            print("Error: %s" % ex)
            result = False
    cam.EndAcquisition()
    return result


def run_single_camera(cam):
    try:
        cam.Init()
        result = configure_exposure(cam) and acquire_images(cam) and reset_exposure(cam)
        if cam.ExposureTime.GetAccessMode() == PySpin.RW:
            print("the exposure time is writable although it is automatic")
            result = False
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
