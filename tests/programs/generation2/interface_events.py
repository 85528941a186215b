"""Written for 2.x: arrival and removal by RegisterInterfaceEventHandler, the argument is the serial number."""

import sys
import time

import PySpin


class SystemWideHandler(PySpin.InterfaceEventHandler):
    def __init__(self):
        super(SystemWideHandler, self).__init__()
        self.arrived = []
        self.left = []

    def OnDeviceArrival(self, serial_number):
        print("arrived: %i" % serial_number)
        self.arrived.append(serial_number)

    def OnDeviceRemoval(self, serial_number):
        print("left: %i" % serial_number)
        self.left.append(serial_number)


class LogHandler(PySpin.LoggingEventHandler):
    def __init__(self):
        super(LogHandler, self).__init__()

    def OnLogEvent(self, data):
        pass


def main():
    system = PySpin.System.GetInstance()
    log_handler = LogHandler()
    system.RegisterLoggingEventHandler(log_handler)
    system.SetLoggingEventPriorityLevel(PySpin.LOG_LEVEL_INFO)
    handler = SystemWideHandler()
    system.RegisterInterfaceEventHandler(handler)
    cam_list = system.GetCameras()
    cam = cam_list[0]
    serial = int(cam.TLDevice.DeviceSerialNumber.GetValue())
    cam.Init()
    PySpin.CCommandPtr(cam.GetNodeMap().GetNode("DeviceReset")).Execute()
    try:
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("DeInit: %s" % ex)
    del cam
    cam_list.Clear()
    for _ in range(100):
        if handler.arrived:
            break
        system.UpdateCameras()
        time.sleep(0.1)
    system.UnregisterInterfaceEventHandler(handler)
    system.UnregisterLoggingEventHandler(log_handler)
    fine = handler.arrived == [serial] and handler.left == [serial]
    del handler, log_handler
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
