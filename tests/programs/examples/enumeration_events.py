"""Arrival and removal of cameras, per interface and on the whole system; Enter ends each part."""

import sys

import PySpin


class InterfaceEventHandlerImpl(PySpin.InterfaceEventHandler):
    def __init__(self, iface):
        super().__init__()
        self.interface = iface

    def OnDeviceArrival(self, camera):
        nodemap = camera.GetTLDeviceNodeMap()
        serial = PySpin.CStringPtr(nodemap.GetNode("DeviceSerialNumber"))
        print("camera %s arrived" % (serial.GetValue() if PySpin.IsReadable(serial) else "?"))

    def OnDeviceRemoval(self, camera):
        nodemap = camera.GetTLDeviceNodeMap()
        serial = PySpin.CStringPtr(nodemap.GetNode("DeviceSerialNumber"))
        print("camera %s left" % (serial.GetValue() if PySpin.IsReadable(serial) else "?"))


class SystemEventHandlerImpl(PySpin.SystemEventHandler):
    def __init__(self, system):
        super().__init__()
        self.system = system

    def OnInterfaceArrival(self, interface):
        print("interface %s arrived" % interface.TLInterface.InterfaceID.GetValue())

    def OnInterfaceRemoval(self, interface):
        print("interface left")


def main():
    system = PySpin.System.GetInstance()
    tl_nodemap = system.GetTLNodeMap()
    gev = PySpin.CBooleanPtr(tl_nodemap.GetNode("EnumerateGEVInterfaces"))
    if PySpin.IsReadable(gev):
        print("GEV enumeration is %s" % ("on" if gev.GetValue() else "off"))
    iface_list = system.GetInterfaces()
    cam_list = system.GetCameras()
    print("cameras: %i" % cam_list.GetSize())

    handlers = []
    for iface in iface_list:
        handler = InterfaceEventHandlerImpl(iface)
        iface.RegisterEventHandler(handler)
        handlers.append(handler)
    del iface
    print("%i interface handlers" % len(handlers))
    system_handler = SystemEventHandlerImpl(system)
    system.RegisterEventHandler(system_handler)

    input("Plug and unplug, then press Enter")

    for i, iface in enumerate(iface_list):
        iface.UnregisterEventHandler(handlers[i])
    del iface
    system.UnregisterEventHandler(system_handler)
    handlers.clear()
    del handler
    del system_handler
    cam_list.Clear()
    iface_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return True


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
