"""Two sequencer states with different exposure times; a camera without a sequencer is told so in one line."""

import sys

import PySpin


def set_entry(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("%s is not available on this camera" % name)
        return False
    entry = PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic))
    if not PySpin.IsReadable(entry):
        print("%s has no %s" % (name, symbolic))
        return False
    node.SetIntValue(entry.GetValue())
    return True


def configure_state(nodemap, number, exposure_us):
    selector = PySpin.CIntegerPtr(nodemap.GetNode("SequencerSetSelector"))
    if not PySpin.IsWritable(selector):
        print("SequencerSetSelector is not available on this camera")
        return False
    selector.SetValue(number)
    exposure = PySpin.CFloatPtr(nodemap.GetNode("ExposureTime"))
    if not PySpin.IsWritable(exposure):
        return False
    exposure.SetValue(exposure_us)
    save = PySpin.CCommandPtr(nodemap.GetNode("SequencerSetSave"))
    if not PySpin.IsWritable(save):
        return False
    save.Execute()
    return True


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        result = (
            set_entry(nodemap, "SequencerMode", "Off")
            and set_entry(nodemap, "SequencerConfigurationMode", "On")
            and configure_state(nodemap, 0, 1000)
            and configure_state(nodemap, 1, 5000)
            and set_entry(nodemap, "SequencerConfigurationMode", "Off")
            and set_entry(nodemap, "SequencerMode", "On")
        )
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
