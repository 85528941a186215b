"""One frame of each camera in turn, all cameras streaming at once."""

import sys

import PySpin

NUM_IMAGES = 3


def acquire_images(cam_list):
    result = True
    processor = PySpin.ImageProcessor()
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    serials = {}
    for i, cam in enumerate(cam_list):
        node_mode = PySpin.CEnumerationPtr(cam.GetNodeMap().GetNode("AcquisitionMode"))
        if not PySpin.IsReadable(node_mode) or not PySpin.IsWritable(node_mode):
            print("camera %d: cannot set the acquisition mode" % i)
            return False
        continuous = PySpin.CEnumEntryPtr(node_mode.GetEntryByName("Continuous"))
        if not PySpin.IsReadable(continuous):
            return False
        node_mode.SetIntValue(continuous.GetValue())
        cam.BeginAcquisition()
        node_serial = PySpin.CStringPtr(cam.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber"))
        serials[i] = node_serial.GetValue() if PySpin.IsReadable(node_serial) else str(i)

    for n in range(NUM_IMAGES):
        for i, cam in enumerate(cam_list):
            try:
                image = cam.GetNextImage(1000)
                if image.IsIncomplete():
                    print("incomplete, status %d" % image.GetImageStatus())
                else:
                    converted = processor.Convert(image, PySpin.PixelFormat_Mono8)
                    filename = "AcquisitionMultipleCamera-%s-%d.jpg" % (serials[i], n)
                    converted.Save(filename)
                    print("camera %d saved %s" % (i, filename))
                image.Release()
            except PySpin.SpinnakerException as ex:
                print("Error: %s" % ex)
                result = False
    for cam in cam_list:
        cam.EndAcquisition()
    return result


def run_multiple_cameras(cam_list):
    try:
        for i, cam in enumerate(cam_list):
            information = PySpin.CCategoryPtr(cam.GetTLDeviceNodeMap().GetNode("DeviceInformation"))
            print("camera %d has %d device features" % (i, len(information.GetFeatures())))
        for cam in cam_list:
            cam.Init()
        result = acquire_images(cam_list)
        for cam in cam_list:
            cam.DeInit()
        del cam
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    print("cameras: %d" % cam_list.GetSize())
    if cam_list.GetSize() == 0:
        cam_list.Clear()
        system.ReleaseInstance()
        return False
    result = run_multiple_cameras(cam_list)
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
