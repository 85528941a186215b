"""Software trigger by attributes: one Enter a frame."""

import sys

import PySpin

NUM_IMAGES = 3


def configure_trigger(cam):
    for node in (cam.TriggerMode, cam.TriggerSource):
        if node.GetAccessMode() != PySpin.RW:
            print("cannot set %s" % node.GetName())
            return False
    cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
    cam.TriggerSelector.SetValue(PySpin.TriggerSelector_FrameStart)
    # Yes, the constant of another enumeration: its number is that of Line0.
    cam.TriggerSource.SetValue(PySpin.TriggerSelector_FrameStart)
    cam.TriggerSource.SetValue(PySpin.TriggerSource_Software)
    cam.TriggerMode.SetValue(PySpin.TriggerMode_On)
    return True


def acquire_images(cam):
    cam.AcquisitionMode.SetValue(PySpin.AcquisitionMode_Continuous)
    cam.BeginAcquisition()
    for i in range(NUM_IMAGES):
        input("Press Enter for the trigger")
        if not PySpin.IsWritable(cam.TriggerSoftware):
            print("cannot trigger")
            return False
        if i % 2:
            cam.TriggerSoftware()
        else:
            cam.TriggerSoftware.Execute()
        image = cam.GetNextImage(1000)
        print("image %d, frame %d" % (i, image.GetFrameID()))
        image.Save("TriggerQS-%s-%d.jpg" % (cam.TLDevice.DeviceSerialNumber(), i))
        image.Release()
    cam.EndAcquisition()
    return True


def run_single_camera(cam):
    try:
        cam.Init()
        result = configure_trigger(cam) and acquire_images(cam)
        cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
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
