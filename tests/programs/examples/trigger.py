"""Software trigger by the node map: one Enter a frame."""

import sys

import PySpin

NUM_IMAGES = 3


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("cannot set %s" % name)
        return False
    entry = node.GetEntryByName(symbolic)
    if not PySpin.IsReadable(entry):
        print("no %s in %s" % (symbolic, name))
        return False
    node.SetIntValue(entry.GetValue())
    return True


def configure_trigger(nodemap):
    # The source can be chosen safely only while the trigger is off.
    return (
        set_entry(nodemap, "TriggerMode", "Off")
        and set_entry(nodemap, "TriggerSelector", "FrameStart")
        and set_entry(nodemap, "TriggerSource", "Software")
        and set_entry(nodemap, "TriggerMode", "On")
    )


def grab_next_image_by_trigger(nodemap):
    input("Press Enter for the trigger")
    command = PySpin.CCommandPtr(nodemap.GetNode("TriggerSoftware"))
    if not PySpin.IsAvailable(command) or not PySpin.IsWritable(command):
        print("cannot trigger")
        return False
    command.Execute()
    return True


def acquire_images(cam, nodemap):
    result = set_entry(nodemap, "AcquisitionMode", "Continuous")
    cam.BeginAcquisition()
    for i in range(NUM_IMAGES):
        try:
            result &= grab_next_image_by_trigger(nodemap)
            image = cam.GetNextImage(1000)
            if image.IsIncomplete():
                print("incomplete, status %d" % image.GetImageStatus())
            else:
                print("image %d, %d x %d" % (i, image.GetWidth(), image.GetHeight()))
                image.Save("Trigger-%d.jpg" % i)
                image.Release()
        except PySpin.SpinnakerException as ex:
            print("Error: %s" % ex)
            result = False
    try:
        cam.GetNextImage(100)
        print("a frame without a trigger")
        result = False
    except PySpin.SpinnakerException as ex:
        result &= ex.errorcode == -1011
    cam.EndAcquisition()
    return result


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        if not configure_trigger(nodemap):
            return False
        result = acquire_images(cam, nodemap)
        result &= set_entry(nodemap, "TriggerMode", "Off")
        if PySpin.IsAvailable(nodemap.GetNode("TriggerSoftware")):
            print("the trigger is still there with the mode off")
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
