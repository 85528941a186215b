"""A counter as a pulse source on an output line; what a camera lacks is told in one line."""

import sys

import PySpin


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("%s is not available on this camera" % name)
        return False
    entry = PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic))
    if not PySpin.IsReadable(entry):
        print("%s has no %s on this camera" % (name, symbolic))
        return False
    node.SetIntValue(entry.GetValue())
    return True


def set_integer(nodemap, name, value):
    node = PySpin.CIntegerPtr(nodemap.GetNode(name))
    if not PySpin.IsWritable(node):
        print("%s is not available on this camera" % name)
        return False
    if value < node.GetMin() or value > node.GetMax():
        print("%s does not take %d on this camera" % (name, value))
        return False
    node.SetValue(value)
    return True


def setup_counter(nodemap):
    return (
        set_entry(nodemap, "CounterSelector", "Counter0")
        and set_entry(nodemap, "CounterEventSource", "MHzTick")
        and set_integer(nodemap, "CounterDuration", 14000)
        and set_integer(nodemap, "CounterDelay", 6000)
        and set_entry(nodemap, "CounterTriggerSource", "ExposureStart")
        and set_entry(nodemap, "LineSelector", "Line2")
        and set_entry(nodemap, "LineMode", "Output")
        and set_entry(nodemap, "LineSource", "Counter0Active")
    )


def run_single_camera(cam):
    try:
        cam.Init()
        result = setup_counter(cam.GetNodeMap())
        cam.BeginAcquisition()
        image = cam.GetNextImage(1000)
        print("image %d x %d" % (image.GetWidth(), image.GetHeight()))
        image.Release()
        cam.EndAcquisition()
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
