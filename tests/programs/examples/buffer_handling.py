"""The four ways of handling stream buffers, shown with software triggers. Ends 1, as the original always does."""

import sys
import time

import PySpin

NUM_BUFFERS = 3
NUM_TRIGGERS = 6
MODES = ("NewestFirst", "OldestFirst", "NewestOnly", "OldestFirstOverwrite")


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("cannot set %s" % name)
        return False
    node.SetIntValue(PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic)).GetValue())
    return True


def configure_trigger(nodemap):
    return (
        set_entry(nodemap, "TriggerMode", "Off")
        and set_entry(nodemap, "TriggerSource", "Software")
        and set_entry(nodemap, "TriggerMode", "On")
    )


def configure_buffers(stream_nodemap):
    if not set_entry(stream_nodemap, "StreamBufferCountMode", "Manual"):
        return False
    count = PySpin.CIntegerPtr(stream_nodemap.GetNode("StreamBufferCountManual"))
    if not PySpin.IsReadable(count) or not PySpin.IsWritable(count):
        print("cannot set the buffer count")
        return False
    print("buffers %d, at most %d" % (count.GetValue(), count.GetMax()))
    count.SetValue(NUM_BUFFERS)
    return count.GetValue() == NUM_BUFFERS


def trigger_and_drain(cam, nodemap, mode):
    result = True
    trigger = PySpin.CCommandPtr(nodemap.GetNode("TriggerSoftware"))
    cam.BeginAcquisition()
    for _ in range(NUM_TRIGGERS):
        trigger.Execute()
        time.sleep(0.04)
    time.sleep(0.1)
    frames = []
    for i in range(NUM_TRIGGERS + 1):
        try:
            image = cam.GetNextImage(100)
            frames.append(image.GetFrameID())
            image.Release()
        except PySpin.SpinnakerException as ex:
            print("%s: drained after %d, %d" % (mode, i, ex.errorcode))
            result = False
            break
    cam.EndAcquisition()
    print("%s: frames %s" % (mode, frames))
    return result


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        stream_nodemap = cam.GetTLStreamNodeMap()
        if not configure_trigger(nodemap) or not configure_buffers(stream_nodemap):
            return False
        result = True
        for mode in MODES:
            result &= set_entry(stream_nodemap, "StreamBufferHandlingMode", mode)
            result &= trigger_and_drain(cam, nodemap, mode)
        set_entry(nodemap, "TriggerMode", "Off")
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
