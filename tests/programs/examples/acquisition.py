"""Ten frames, converted to Mono8 and saved as JPEG."""

import os
import sys

import PySpin

NUM_IMAGES = 10


def acquire_images(cam, nodemap, nodemap_tldevice):
    node_mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
    if not PySpin.IsReadable(node_mode) or not PySpin.IsWritable(node_mode):
        print("cannot set the acquisition mode")
        return False
    entry = node_mode.GetEntryByName("Continuous")
    if not PySpin.IsReadable(entry):
        print("no continuous acquisition")
        return False
    node_mode.SetIntValue(entry.GetValue())

    cam.BeginAcquisition()
    serial = ""
    node_serial = PySpin.CStringPtr(nodemap_tldevice.GetNode("DeviceSerialNumber"))
    if PySpin.IsReadable(node_serial):
        serial = node_serial.GetValue()
        print("serial number %s" % serial)

    processor = PySpin.ImageProcessor()
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    result = True
    for i in range(NUM_IMAGES):
        try:
            image_result = cam.GetNextImage(1000)
            if image_result.IsIncomplete():
                print("image %d incomplete with status %d" % (i, image_result.GetImageStatus()))
            else:
                print("image %d, %d x %d" % (i, image_result.GetWidth(), image_result.GetHeight()))
                image_converted = processor.Convert(image_result, PySpin.PixelFormat_Mono8)
                filename = "Acquisition-%s-%d.jpg" % (serial, i) if serial else "Acquisition-%d.jpg" % i
                image_converted.Save(filename)
                print("saved %s" % filename)
                image_result.Release()
        except PySpin.SpinnakerException as ex:
            print("Error: %s" % ex)
            result = False
    cam.EndAcquisition()
    return result


def print_device_info(nodemap):
    node_info = PySpin.CCategoryPtr(nodemap.GetNode("DeviceInformation"))
    if not PySpin.IsReadable(node_info):
        print("no device information")
        return
    for feature in node_info.GetFeatures():
        node = PySpin.CValuePtr(feature)
        print("%s: %s" % (node.GetName(), node.ToString() if PySpin.IsReadable(node) else "not readable"))


def run_single_camera(cam):
    try:
        nodemap_tldevice = cam.GetTLDeviceNodeMap()
        print_device_info(nodemap_tldevice)
        cam.Init()
        nodemap = cam.GetNodeMap()
        result = acquire_images(cam, nodemap, nodemap_tldevice)
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    try:
        test_file = open("write-test.txt", "w+")
    except OSError:
        print("no permission to write here")
        input("Press Enter to exit")
        return False
    test_file.close()
    os.remove(test_file.name)

    result = True
    system = PySpin.System.GetInstance()
    version = system.GetLibraryVersion()
    print("library version: %d.%d.%d.%d" % (version.major, version.minor, version.type, version.build))
    cam_list = system.GetCameras()
    num_cameras = cam_list.GetSize()
    print("cameras: %d" % num_cameras)
    if num_cameras == 0:
        cam_list.Clear()
        system.ReleaseInstance()
        input("Press Enter to exit")
        return False
    for i, cam in enumerate(cam_list):
        print("camera %d" % i)
        result &= run_single_camera(cam)
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    if main():
        sys.exit(0)
    else:
        sys.exit(1)
