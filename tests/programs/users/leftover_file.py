"""A file left open blocks the acquisition without a reason; closing it heals."""

import sys

import PySpin


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    node.SetIntValue(node.GetEntryByName(symbolic).GetValue())


def execute(nodemap, operation):
    set_entry(nodemap, "FileOperationSelector", operation)
    PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute")).Execute()
    return PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus")).GetCurrentEntry().GetSymbolic()


def frames(cam):
    """How many of three frames came."""
    count = 0
    try:
        cam.BeginAcquisition()
    except PySpin.SpinnakerException as ex:
        print("BeginAcquisition: %s" % ex)
        return 0
    for _ in range(3):
        try:
            image = cam.GetNextImage(300)
            image.Release()
            count += 1
        except PySpin.SpinnakerException as ex:
            print("GetNextImage: %d" % ex.errorcode)
            break
    cam.EndAcquisition()
    return count


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    nodemap = cam.GetNodeMap()
    set_entry(nodemap, "FileSelector", "InferenceNetwork")
    set_entry(nodemap, "FileOpenMode", "Write")
    opened = execute(nodemap, "Open")
    blocked = frames(cam) == 0
    again = execute(nodemap, "Open")
    closed = execute(nodemap, "Close")
    healed = frames(cam) == 3
    print("open", opened, "blocked", blocked, "open twice", again, "close", closed, "healed", healed)
    fine = (opened, closed, blocked, healed) == ("Success", "Success", True, True) and again != "Success"
    cam.DeInit()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
