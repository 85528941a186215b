"""Every chunk switched on, then read from the image and from the camera's node map."""

import sys

import PySpin

NUM_IMAGES = 3


def configure_chunk_data(nodemap):
    result = True
    active = PySpin.CBooleanPtr(nodemap.GetNode("ChunkModeActive"))
    if not PySpin.IsWritable(active):
        print("cannot activate chunk mode")
        return False
    active.SetValue(True)
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("ChunkSelector"))
    if not PySpin.IsReadable(selector) or not PySpin.IsWritable(selector):
        print("no chunk selector")
        return False
    entries = [PySpin.CEnumEntryPtr(entry) for entry in selector.GetEntries()]
    for entry in entries:
        if not PySpin.IsReadable(entry):
            continue
        selector.SetIntValue(entry.GetValue())
        name = entry.GetSymbolic()
        enable = PySpin.CBooleanPtr(nodemap.GetNode("ChunkEnable"))
        if not PySpin.IsAvailable(enable):
            print("%s: not available" % name)
            result = False
        elif enable.GetValue() is True:
            print("%s: enabled" % name)
        elif PySpin.IsWritable(enable):
            enable.SetValue(True)
            print("%s: now enabled" % name)
        else:
            print("%s: not writable" % name)
            result = False
    return result


def display_from_nodemap(nodemap):
    control = PySpin.CCategoryPtr(nodemap.GetNode("ChunkDataControl"))
    if not PySpin.IsReadable(control):
        print("no chunk data control")
        return False
    for feature in control.GetFeatures():
        if not PySpin.IsReadable(feature):
            print("\t%s: not readable" % feature.GetName())
            continue
        value = PySpin.CValuePtr(feature)
        print("\t%s: %s" % (feature.GetDisplayName(), value.ToString()))
    return True


def display_from_image(image):
    data = image.GetChunkData()
    print("\tframe id: %d" % data.GetFrameID())
    print("\ttimestamp: %d" % data.GetTimestamp())
    print("\texposure time: %f" % data.GetExposureTime())
    print("\tgain: %f" % data.GetGain())
    print("\tblack level: %f" % data.GetBlackLevel())
    print("\tsize: %d x %d at %d,%d" % (data.GetWidth(), data.GetHeight(), data.GetOffsetX(), data.GetOffsetY()))
    if data.GetFrameID() != image.GetFrameID() or data.GetWidth() != image.GetWidth():
        print("the chunks are of another frame")
        return False
    return True


def acquire_images(cam, nodemap):
    result = True
    mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
    mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
    cam.BeginAcquisition()
    for i in range(NUM_IMAGES):
        try:
            image = cam.GetNextImage(1000)
            if image.IsIncomplete():
                print("incomplete, status %d" % image.GetImageStatus())
            else:
                print("image %d" % i)
                result &= display_from_image(image)
                result &= display_from_nodemap(nodemap)
                image.Release()
        except PySpin.SpinnakerException as ex:
            print("Error: %s" % ex)
            result = False
    cam.EndAcquisition()
    return result


def disable_chunk_data(nodemap):
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("ChunkSelector"))
    for entry in selector.GetEntries():
        if not PySpin.IsReadable(entry):
            continue
        selector.SetIntValue(PySpin.CEnumEntryPtr(entry).GetValue())
        enable = PySpin.CBooleanPtr(nodemap.GetNode("ChunkEnable"))
        if PySpin.IsWritable(enable):
            enable.SetValue(False)
    active = PySpin.CBooleanPtr(nodemap.GetNode("ChunkModeActive"))
    if not PySpin.IsWritable(active):
        print("cannot deactivate chunk mode")
        return False
    active.SetValue(False)
    return True


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        if not configure_chunk_data(nodemap):
            return False
        result = acquire_images(cam, nodemap)
        result &= disable_chunk_data(nodemap)
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        return False
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
