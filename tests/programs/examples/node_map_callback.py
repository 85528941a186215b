"""Callbacks on an integer and on a float node."""

import sys

import PySpin


class HeightCallback(PySpin.NodeCallback):
    def __init__(self):
        super().__init__()
        self.values = []

    def CallbackFunction(self, node):
        height = PySpin.CIntegerPtr(node)
        self.values.append(height.GetValue())
        print("height changed to %d" % height.GetValue())


class GainCallback(PySpin.NodeCallback):
    def __init__(self):
        super().__init__()
        self.values = []

    def CallbackFunction(self, node):
        gain = PySpin.CFloatPtr(node)
        self.values.append(gain.GetValue())
        print("gain changed to %.2f" % gain.GetValue())


def configure_callbacks(nodemap):
    height = PySpin.CIntegerPtr(nodemap.GetNode("Height"))
    if not PySpin.IsReadable(height) or not PySpin.IsWritable(height):
        print("cannot set the height")
        return None
    callback_height = HeightCallback()
    PySpin.RegisterNodeCallback(height.GetNode(), callback_height)

    automatic = PySpin.CEnumerationPtr(nodemap.GetNode("GainAuto"))
    if not PySpin.IsReadable(automatic) or not PySpin.IsWritable(automatic):
        print("cannot switch automatic gain")
        return None
    automatic.SetIntValue(PySpin.CEnumEntryPtr(automatic.GetEntryByName("Off")).GetValue())
    gain = PySpin.CFloatPtr(nodemap.GetNode("Gain"))
    if not PySpin.IsReadable(gain) or not PySpin.IsWritable(gain):
        print("cannot set the gain")
        return None
    callback_gain = GainCallback()
    PySpin.RegisterNodeCallback(gain.GetNode(), callback_gain)
    return callback_height, callback_gain


def change_height_and_gain(nodemap):
    height = PySpin.CIntegerPtr(nodemap.GetNode("Height"))
    smaller = height.GetMax() - height.GetInc()
    height.SetValue(smaller)
    height.SetValue(height.GetMax())
    gain = PySpin.CFloatPtr(nodemap.GetNode("Gain"))
    gain.SetValue(gain.GetMax() / 2.0)
    gain.SetValue(gain.GetMax() / 2.0)
    return height.GetValue(), gain.GetValue()


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        callbacks = configure_callbacks(nodemap)
        if callbacks is None:
            return False
        height, gain = change_height_and_gain(nodemap)
        result = height in callbacks[0].values and len(callbacks[0].values) >= 2
        # Also a write of the same value calls.
        result &= callbacks[1].values[-2:] == [gain, gain]
        for callback in callbacks:
            PySpin.DeregisterNodeCallback(callback)
        seen = len(callbacks[1].values)
        PySpin.CFloatPtr(nodemap.GetNode("Gain")).SetValue(0)
        result &= len(callbacks[1].values) == seen
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
