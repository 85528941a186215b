"""Interfaces and the cameras on each."""

import sys

import PySpin


def query_interface(interface):
    result = True
    try:
        nodemap_interface = interface.GetTLNodeMap()
        node_name = PySpin.CStringPtr(nodemap_interface.GetNode("InterfaceDisplayName"))
        if PySpin.IsReadable(node_name):
            print("interface: %s" % node_name.GetValue())
        else:
            print("interface without a readable name")
        interface.UpdateCameras()
        cam_list = interface.GetCameras()
        if cam_list.GetSize() == 0:
            print("\tno cameras")
            return result
        for i, cam in enumerate(cam_list):
            nodemap_tldevice = cam.GetTLDeviceNodeMap()
            vendor = PySpin.CStringPtr(nodemap_tldevice.GetNode("DeviceVendorName"))
            model = PySpin.CStringPtr(nodemap_tldevice.GetNode("DeviceModelName"))
            if not PySpin.IsReadable(vendor) or not PySpin.IsReadable(model):
                result = False
                continue
            print("\tdevice %i: %s %s" % (i, vendor.GetValue(), model.GetValue()))
        del cam
        cam_list.Clear()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    result = True
    system = PySpin.System.GetInstance()
    version = system.GetLibraryVersion()
    print("library version: %d.%d.%d.%d" % (version.major, version.minor, version.type, version.build))
    iface_list = system.GetInterfaces()
    num_interfaces = iface_list.GetSize()
    print("interfaces: %i" % num_interfaces)
    cam_list = system.GetCameras()
    num_cams = cam_list.GetSize()
    print("cameras: %i" % num_cams)
    if num_cams == 0 or num_interfaces == 0:
        cam_list.Clear()
        iface_list.Clear()
        system.ReleaseInstance()
        input("Press Enter to exit")
        return False
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
