"""Some values of device, stream and camera by attributes."""

import sys

import PySpin

DEVICE = ("DeviceSerialNumber", "DeviceVendorName", "DeviceDisplayName", "DeviceType", "DeviceCurrentSpeed")
STREAM = ("StreamID", "StreamType", "StreamBufferHandlingMode", "StreamBufferCountManual")
CAMERA = ("DeviceModelName", "DeviceFirmwareVersion", "ExposureTime", "AcquisitionStart", "ReverseX", "Width", "Gain")


def print_nodes(group, names):
    readable = 0
    for name in names:
        node = getattr(group, name)
        if not PySpin.IsReadable(node):
            print("%s: not readable" % name)
            continue
        readable += 1
        print("%s (%s): %s" % (node.GetDisplayName(), node.GetName(), node.ToString()))
    return readable


def run_single_camera(cam):
    try:
        result = print_nodes(cam.TLDevice, DEVICE) >= 3
        result &= print_nodes(cam.TLStream, STREAM) >= 2
        cam.Init()
        result &= print_nodes(cam, CAMERA) >= 4
        print("exposure %f (%s)" % (cam.ExposureTime.GetValue(), cam.ExposureTime.GetUnit()))
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
