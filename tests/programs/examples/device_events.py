"""All device events switched on, one handler for exposure end and one for everything."""

import sys

import PySpin

NUM_IMAGES = 5


class EventPrinter(PySpin.DeviceEventHandler):
    def __init__(self, title):
        super().__init__()
        self.title = title
        self.count = 0

    def OnDeviceEvent(self, eventname):
        self.count += 1
        print("%s: %s, id %i, number %i" % (self.title, eventname, self.GetDeviceEventId(), self.count))
        if self.GetDeviceEventName() != eventname:
            print("the names differ")


def configure_device_events(nodemap):
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("EventSelector"))
    if not PySpin.IsReadable(selector) or not PySpin.IsWritable(selector):
        print("no event selector")
        return False
    result = True
    for entry in selector.GetEntries():
        entry_event = PySpin.CEnumEntryPtr(entry)
        if not PySpin.IsReadable(entry_event):
            print("an entry is not readable")
            result = False
            continue
        selector.SetIntValue(entry_event.GetValue())
        notification = PySpin.CEnumerationPtr(nodemap.GetNode("EventNotification"))
        if not PySpin.IsWritable(notification):
            print("no notification of %s" % entry_event.GetSymbolic())
            result = False
            continue
        on = PySpin.CEnumEntryPtr(notification.GetEntryByName("On"))
        if not PySpin.IsReadable(on):
            result = False
            continue
        notification.SetIntValue(on.GetValue())
        print("%s enabled" % entry_event.GetDisplayName())
    return result


def acquire_images(cam, nodemap):
    mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
    mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
    cam.BeginAcquisition()
    for i in range(NUM_IMAGES):
        image = cam.GetNextImage(1000)
        print("image %d, %d x %d" % (i, image.GetWidth(), image.GetHeight()))
        image.Release()
    cam.EndAcquisition()


def run_single_camera(cam):
    result = True
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        result &= configure_device_events(nodemap)
        specific = EventPrinter("exposure end")
        generic = EventPrinter("any event")
        cam.RegisterEventHandler(specific, "EventExposureEnd")
        cam.RegisterEventHandler(generic)
        acquire_images(cam, nodemap)
        cam.UnregisterEventHandler(specific)
        cam.UnregisterEventHandler(generic)
        if specific.count == 0 or generic.count < specific.count:
            print("events missing: %d, %d" % (specific.count, generic.count))
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
