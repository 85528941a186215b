"""Upload a network, run it on live frames or on an injected image, print what the chunks say.

usage: inference.py NETWORK (classification|detection) [INJECTED_IMAGE] [flash]
"""

import os
import sys

import numpy as np
import PySpin

NETWORK_TYPES = {"classification": "Classification", "detection": "Detection"}
CHUNKS = {
    "classification": ("InferenceFrameId", "InferenceResult", "InferenceConfidence"),
    "detection": ("InferenceFrameId", "InferenceBoundingBoxResult"),
}
INJECTED_SIZE = {"classification": (640, 400), "detection": (720, 540)}
FRAMES = 10


def print_device_info(nodemap_tldevice):
    print("device:")
    category = PySpin.CCategoryPtr(nodemap_tldevice.GetNode("DeviceInformation"))
    if not PySpin.IsReadable(category):
        print("  nothing is known about it")
        return False
    for feature in category.GetFeatures():
        node = PySpin.CValuePtr(feature)
        print("  %s: %s" % (node.GetName(), node.ToString() if PySpin.IsReadable(node) else "not readable"))
    return True


def is_inference_camera(nodemap):
    return PySpin.IsWritable(PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable")))


def set_enum(nodemap, name, symbolic):
    node = PySpin.CEnumerationPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("cannot set %s" % name)
        return False
    entry = PySpin.CEnumEntryPtr(node.GetEntryByName(symbolic))
    if not PySpin.IsReadable(entry):
        print("%s has no %s" % (name, symbolic))
        return False
    node.SetIntValue(entry.GetValue())
    return True


def set_boolean(nodemap, name, value):
    node = PySpin.CBooleanPtr(nodemap.GetNode(name))
    if not PySpin.IsWritable(node):
        print("cannot write %s" % name)
        return False
    node.SetValue(value)
    return True


def execute_file_operation(nodemap, operation):
    """One file operation; the selector is written before every Execute."""
    if not set_enum(nodemap, "FileOperationSelector", operation):
        return False
    command = PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute"))
    if not PySpin.IsWritable(command):
        print("cannot execute %s" % operation)
        return False
    command.Execute()
    status = PySpin.CEnumerationPtr(nodemap.GetNode("FileOperationStatus"))
    if not PySpin.IsReadable(status):
        print("no status of %s" % operation)
        return False
    told = PySpin.CEnumEntryPtr(status.GetCurrentEntry()).GetSymbolic()
    if told != "Success":
        print("%s ended with %s" % (operation, told))
        return False
    return True


def delete_file(nodemap, selector):
    file_selector = PySpin.CEnumerationPtr(nodemap.GetNode("FileSelector"))
    entry = file_selector.GetEntryByName(selector)
    file_selector.SetIntValue(int(PySpin.CEnumEntryPtr(entry).GetNumericValue()))
    size = PySpin.CIntegerPtr(nodemap.GetNode("FileSize"))
    if PySpin.IsReadable(size) and size.GetValue() > 0:
        print("deleting %d bytes of %s" % (size.GetValue(), selector))
        return execute_file_operation(nodemap, "Delete")
    return True


def open_for_writing(nodemap, save_to_flash):
    if not set_enum(nodemap, "FileOpenMode", "Write"):
        return False
    if not execute_file_operation(nodemap, "Open"):
        # A run that died may have left it open.
        print("closing first, then opening again")
        if not execute_file_operation(nodemap, "Close") or not execute_file_operation(nodemap, "Open"):
            return False
    flash = PySpin.CBooleanPtr(nodemap.GetNode("FileWriteToFlash"))
    if PySpin.IsWritable(flash):
        flash.SetValue(save_to_flash)
        print("FileWriteToFlash is %s" % flash.GetValue())
    return True


def write_all(nodemap, data):
    length_node = PySpin.CIntegerPtr(nodemap.GetNode("FileAccessLength"))
    buffer_node = PySpin.CRegisterPtr(nodemap.GetNode("FileAccessBuffer"))
    if length_node.GetValue() < buffer_node.GetLength():
        try:
            length_node.SetValue(buffer_node.GetLength())
        except PySpin.SpinnakerException as ex:
            print("FileAccessLength stays: %s" % ex)
    PySpin.CIntegerPtr(nodemap.GetNode("FileAccessOffset")).SetValue(0)

    chunk = length_node.GetValue()
    result_node = PySpin.CIntegerPtr(nodemap.GetNode("FileOperationResult"))
    written = 0
    left = len(data)
    for start in range(0, len(data), chunk):
        piece = np.array(data[start : start + chunk])
        buffer_node.Set(piece)
        if chunk > left:
            length_node.SetValue(left)
        if not execute_file_operation(nodemap, "Write"):
            return False
        written += result_node.GetValue()
        left -= chunk
    print("wrote %d of %d bytes" % (written, len(data)))
    return True


def upload(nodemap, selector, path, save_to_flash):
    """Delete, open, write, close. A failed write leaves the file open, as the original does."""
    data = np.fromfile(path, dtype=np.uint8)
    print("uploading %s to %s (%d bytes)" % (os.path.basename(path), selector, len(data)))
    if not set_enum(nodemap, "FileSelector", selector):
        return False
    return (
        delete_file(nodemap, selector)
        and open_for_writing(nodemap, save_to_flash)
        and write_all(nodemap, data)
        and execute_file_operation(nodemap, "Close")
    )


def enable_injected_image(nodemap, size):
    if not set_enum(nodemap, "TestPatternGeneratorSelector", "PipelineStart"):
        return False
    if not set_enum(nodemap, "TestPattern", "InjectedImage"):
        return False
    for name, value in zip(("InjectedWidth", "InjectedHeight"), size, strict=True):
        node = PySpin.CIntegerPtr(nodemap.GetNode(name))
        if not PySpin.IsWritable(node):
            print("cannot write %s" % name)
            return False
        node.SetValue(value)
    return True


def disable_injected_image(nodemap):
    for name in ("InjectedWidth", "InjectedHeight"):
        node = PySpin.CIntegerPtr(nodemap.GetNode(name))
        if PySpin.IsWritable(node):
            node.SetValue(node.GetMax())
    return set_enum(nodemap, "TestPattern", "Off") and set_enum(nodemap, "TestPatternGeneratorSelector", "Sensor")


def set_chunk_enable(nodemap, name, value):
    if not set_enum(nodemap, "ChunkSelector", name):
        return False
    node = PySpin.CBooleanPtr(nodemap.GetNode("ChunkEnable"))
    if not PySpin.IsAvailable(node):
        print("no ChunkEnable of %s" % name)
        return False
    if node.GetValue() == value:
        return True
    if not PySpin.IsWritable(node):
        print("ChunkEnable of %s is read-only" % name)
        return False
    node.SetValue(value)
    return True


def set_chunks(nodemap, network_type, value):
    if value and not set_boolean(nodemap, "ChunkModeActive", True):
        return False
    results = [set_chunk_enable(nodemap, name, value) for name in CHUNKS[network_type]]
    if not value:
        results.append(set_boolean(nodemap, "ChunkModeActive", False))
    return all(results)


def enable_trigger(nodemap):
    return (
        set_enum(nodemap, "TriggerSelector", "FrameStart")
        and set_enum(nodemap, "TriggerSource", "InferenceReady")
        and set_enum(nodemap, "TriggerMode", "On")
    )


def print_boxes(result):
    print("  boxes: %d (version %d, %d bytes each)" % (result.GetBoxCount(), result.GetVersion(), result.GetBoxSize()))
    for i in range(result.GetBoxCount()):
        box = result.GetBoxAt(i)
        if box.boxType == PySpin.INFERENCE_BOX_TYPE_RECTANGLE:
            rect = box.rect
            corners = (rect.topLeftXCoord, rect.topLeftYCoord, rect.bottomRightXCoord, rect.bottomRightYCoord)
            print("  box %d class %d confidence %.4f at %d,%d %d,%d" % (i, box.classId, box.confidence, *corners))


def print_result(image, network_type):
    data = image.GetChunkData()
    print("frame %d, inferred frame %d" % (image.GetFrameID(), data.GetInferenceFrameId()))
    if network_type == "detection":
        print_boxes(data.GetInferenceBoundingBoxResult())
    else:
        print("  class %d confidence %.4f" % (data.GetInferenceResult(), data.GetInferenceConfidence()))


def acquire(cam, nodemap, network_type):
    if not set_enum(nodemap, "AcquisitionMode", "Continuous"):
        return False
    cam.BeginAcquisition()
    result = True
    for _ in range(FRAMES):
        try:
            image = cam.GetNextImage(1000)
            if image.IsIncomplete():
                print("incomplete: %s" % PySpin.Image.GetImageStatusDescription(image.GetImageStatus()))
            else:
                print_result(image, network_type)
            image.Release()
        except PySpin.SpinnakerException as ex:
            print("Error: %s" % ex)
            result = False
    cam.EndAcquisition()
    return result


def run_single_camera(cam, network, network_type, injected, save_to_flash):
    result = True
    try:
        result &= print_device_info(cam.GetTLDeviceNodeMap())
        cam.Init()
        nodemap = cam.GetNodeMap()
        if not is_inference_camera(nodemap):
            print("this camera has no inference")
            return False
        if not upload(nodemap, "InferenceNetwork", network, save_to_flash):
            return False
        if not set_enum(nodemap, "InferenceNetworkTypeSelector", NETWORK_TYPES[network_type]):
            return False
        result &= set_boolean(nodemap, "InferenceEnable", True)
        if injected:
            result &= upload(nodemap, "InjectedImage", injected, save_to_flash)
            result &= enable_injected_image(nodemap, INJECTED_SIZE[network_type])
        result &= enable_trigger(nodemap)
        result &= set_chunks(nodemap, network_type, True)
        result &= acquire(cam, nodemap, network_type)

        result &= set_chunks(nodemap, network_type, False)
        result &= set_boolean(nodemap, "InferenceEnable", False)
        result &= set_enum(nodemap, "TriggerMode", "Off")
        if injected:
            result &= disable_injected_image(nodemap)
            result &= delete_file(nodemap, "InjectedImage")
        result &= delete_file(nodemap, "InferenceNetwork")
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    network, network_type = sys.argv[1], sys.argv[2]
    save_to_flash = "flash" in sys.argv[3:]
    injected = next((one for one in sys.argv[3:] if one != "flash"), None)

    system = PySpin.System.GetInstance()
    version = system.GetLibraryVersion()
    print("library %d.%d.%d.%d" % (version.major, version.minor, version.type, version.build))
    cam_list = system.GetCameras()
    print("cameras: %d" % cam_list.GetSize())
    if cam_list.GetSize() == 0:
        cam_list.Clear()
        system.ReleaseInstance()
        return False
    result = True
    for cam in cam_list:
        result &= run_single_camera(cam, network, network_type, injected, save_to_flash)
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit\n")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
