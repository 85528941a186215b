"""Interfaces and cameras, by attributes."""

import sys

import PySpin


def query_interface(interface):
    if PySpin.IsReadable(interface.TLInterface.InterfaceDisplayName):
        print(interface.TLInterface.InterfaceDisplayName.ToString())
    else:
        print("interface without a readable name")
    interface.UpdateCameras()
    cam_list = interface.GetCameras()
    count = cam_list.GetSize()
    if count == 0:
        print("\tno devices")
    for i in range(count):
        cam = cam_list[i]
        if not PySpin.IsReadable(cam.TLDevice.DeviceVendorName):
            return False
        print(
            "\tdevice %i: %s %s, serial %s"
            % (
                i,
                cam.TLDevice.DeviceVendorName.ToString(),
                cam.TLDevice.DeviceModelName.GetValue(),
                cam.TLDevice.DeviceSerialNumber(),
            )
        )
        del cam
    cam_list.Clear()
    return True


def main():
    system = PySpin.System.GetInstance()
    iface_list = system.GetInterfaces()
    cam_list = system.GetCameras()
    print("%i interfaces, %i cameras" % (iface_list.GetSize(), cam_list.GetSize()))
    result = len(cam_list) > 0
    for iface in iface_list:
        result &= query_interface(iface)
    del iface
    cam_list.Clear()
    iface_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
