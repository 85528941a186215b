"""Handlers of one purpose each, on the interface that the camera is plugged into."""

import sys
import threading

import PySpin


class Arrival(PySpin.DeviceArrivalEventHandler):
    def __init__(self):
        super().__init__()
        self.serials = []
        self.came = threading.Event()

    def OnDeviceArrival(self, camera):
        self.serials.append(camera.TLDevice.DeviceSerialNumber.GetValue())
        self.came.set()


class Removal(PySpin.DeviceRemovalEventHandler):
    def __init__(self):
        super().__init__()
        self.serials = []

    def OnDeviceRemoval(self, camera):
        node = PySpin.CStringPtr(camera.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber"))
        self.serials.append(node.GetValue())


class Everything(PySpin.InterfaceEventHandler):
    def __init__(self):
        super().__init__()
        self.calls = []

    def OnDeviceArrival(self, camera):
        self.calls.append("arrival")

    def OnDeviceRemoval(self, camera):
        self.calls.append("removal")


def main():
    system = PySpin.System.GetInstance()
    interfaces = system.GetInterfaces()
    interface = next(one for one in interfaces if one.GetCameras().GetSize() > 0)
    cam = interface.GetCameras()[0]
    serial = cam.TLDevice.DeviceSerialNumber()
    arrival, removal, everything = Arrival(), Removal(), Everything()
    interface.RegisterEventHandler(arrival)
    interface.RegisterEventHandler(removal)
    system.RegisterEventHandler(everything, False)
    cam.Init()
    cam.DeviceReset.Execute()
    del cam
    came = arrival.came.wait(20)
    cam = interface.GetCameras()[0]
    cam.Init()
    print("model", cam.DeviceModelName())
    cam.DeInit()
    interface.UnregisterEventHandler(arrival)
    interface.UnregisterEventHandler(removal)
    system.UnregisterEventHandler(everything)
    print("came", came, "serials", removal.serials == arrival.serials == [serial], "calls", everything.calls)
    del cam, interface
    interfaces.Clear()
    system.ReleaseInstance()
    return 0 if came and everything.calls == ["removal", "arrival"] else 1


if __name__ == "__main__":
    sys.exit(main())
