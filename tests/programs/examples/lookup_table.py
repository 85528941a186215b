"""An inverted lookup table; a camera without one is told so in one line."""

import sys

import PySpin


def configure_lookup_table(nodemap):
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("LUTSelector"))
    if not PySpin.IsReadable(selector) or not PySpin.IsWritable(selector):
        print("LUTSelector is not available on this camera")
        return False
    entry = PySpin.CEnumEntryPtr(selector.GetEntryByName("LUT1"))
    if not PySpin.IsReadable(entry):
        print("no LUT1 on this camera")
        return False
    selector.SetIntValue(entry.GetValue())
    index = PySpin.CIntegerPtr(nodemap.GetNode("LUTIndex"))
    value = PySpin.CIntegerPtr(nodemap.GetNode("LUTValue"))
    if not PySpin.IsWritable(index) or not PySpin.IsWritable(value):
        print("the table is not writable on this camera")
        return False
    for i in range(index.GetMin(), index.GetMax(), max(1, (index.GetMax() - index.GetMin()) // 8)):
        index.SetValue(i)
        value.SetValue(value.GetMax() - i)
    enable = PySpin.CBooleanPtr(nodemap.GetNode("LUTEnable"))
    if not PySpin.IsWritable(enable):
        print("the table cannot be enabled on this camera")
        return False
    enable.SetValue(True)
    enable.SetValue(False)
    return True


def run_single_camera(cam):
    try:
        cam.Init()
        result = configure_lookup_table(cam.GetNodeMap())
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
