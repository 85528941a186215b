"""Names and call forms that programs use here and there."""

import sys
from typing import get_type_hints

import numpy
import PySpin

CLASSES = """System SystemPtr CameraList CameraPtr Camera InterfaceList InterfacePtr Image ImagePtr ImageProcessor
INodeMap INode IValue IInteger IFloat IBoolean IString ICommand IEnumeration IEnumerationT_ExposureAutoEnums IEnumEntry
ICategory IRegister TransportLayerDevice TransportLayerStream TransportLayerInterface LibraryVersion
SpinnakerException""".split()
NUMBERS = {
    "EVENT_TIMEOUT_NONE": 0,
    "EVENT_TIMEOUT_INFINITE": 0xFFFFFFFFFFFFFFFF,
    "NI": 0,
    "NA": 1,
    "WO": 2,
    "RO": 3,
    "RW": 4,
    "intfIInteger": 2,
    "intfIEnumeration": 9,
    "SPINNAKER_ERR_TIMEOUT": -1011,
    "SPINNAKER_ERR_RESOURCE_IN_USE": -1004,
    "SPINNAKER_ERR_GENICAM_OUT_OF_RANGE": -2002,
    "SPINNAKER_IMAGE_STATUS_NO_ERROR": 0,
    "PixelFormat_Mono8": 0,
    "PixelFormat_Mono16": 1,
    "PixelFormat_BayerRG8": 4,
    "PixelFormat_Mono12p": 19,
    "PixelFormat_BGR8": 27,
    "PixelFormat_RGB8": 63,
    "EventNotification_On": 0,
    "FileOperationSelector_Open": 0,
    "FileOperationSelector_Delete": 4,
    "FileOpenMode_ReadWrite": 2,
    "FileOperationStatus_Overflow": 2,
    "TriggerSelector_FrameStart": 1,
}
WRONG = []


def check(what, fine):
    print("%-40s %s" % (what, "yes" if fine else "NO"))
    if not fine:
        WRONG.append(what)


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind:
        return True
    return False


def frame_of(
    camera: "PySpin.CameraPtr | None", processor: "PySpin.ImageProcessor | None" = None
) -> "PySpin.ImagePtr | None":
    return camera.GetNextImage(1000) if camera else None


def check_module():
    for name in CLASSES:
        check("class " + name, isinstance(getattr(PySpin, name, None), type))
    for name, number in NUMBERS.items():
        value = getattr(PySpin, name, None)
        check(name, value == number and type(value) is int)
    check("no name for DL files", not hasattr(PySpin, "FileSelector_InferenceNetwork"))
    check("annotations evaluate", len(get_type_hints(frame_of)) == 3)
    check("SpinnakerException", issubclass(PySpin.SpinnakerException, Exception))
    check("NUM_EXPOSUREAUTO", PySpin.NUM_EXPOSUREAUTO == 3)


def check_system(system):
    version = system.GetLibraryVersion()
    numbers = (version.major, version.minor, version.type, version.build)
    check("version %d.%d.%d.%d" % numbers, all(type(one) is int for one in numbers) and numbers[0] >= 4)
    check("same instance", PySpin.System.GetInstance() == system)
    check("IsInUse", system.IsInUse() is False)
    check("UpdateCameras", type(system.UpdateCameras()) is bool)
    system.UpdateInterfaceList()
    interfaces = system.GetInterfaces(updateInterface=True)
    interface = interfaces[0]
    check("interfaces", len(interfaces) == interfaces.GetSize() > 0 and type(interface) is PySpin.InterfacePtr)
    group = interface.TLInterface
    check("group", type(group) is PySpin.TransportLayerInterface)
    told = group.InterfaceID(), group.InterfaceDisplayName(), group.InterfaceType.ToString(), group.DeviceCount()
    print(told)
    check("UpdateCameras of an interface", type(interface.UpdateCameras()) is bool)
    cameras = interface.GetCameras(updateCameras=True)
    check("its cameras", cameras.GetSize() == 1)
    serial = cameras[0].TLDevice.DeviceSerialNumber()
    cameras.RemoveBySerial(serial)
    check("RemoveBySerial", cameras.GetSize() == 0 and raises(IndexError, lambda: cameras[0]))
    cameras.Clear()
    interfaces.Clear()


def check_camera(system):
    cameras = system.GetCameras(updateInterfaces=True, updateCameras=True)
    cam = cameras.GetByIndex(0)
    serial = cam.TLDevice.DeviceSerialNumber.GetValue()
    stranger = cameras.GetBySerial("12345678")
    check("unknown serial", not stranger.IsValid() and not stranger)
    check("known serial", cameras.GetBySerial(serial) == cam)
    check("ids", cam.GetUniqueID() and cam.GetDeviceID() and type(cam.GetUniqueID()) is str)
    check("device speed", cam.TLDevice.DeviceCurrentSpeed.ToString() == "SuperSpeed")
    check("groups", type(cam.TLDevice) is PySpin.TransportLayerDevice)
    cam.TLStream.StreamBufferHandlingMode.SetValue(PySpin.StreamBufferHandlingMode_NewestOnly)
    cam.Init()
    check("serial on both", cam.DeviceSerialNumber.GetValue() == serial)
    width = PySpin.CIntegerPtr(cam.GetNodeMap().GetNode("Width"))
    check("keywords", width.ToString(Verify=True, IgnoreCache=True) == "1440")
    cam.TimestampLatch.Execute(Verify=True)
    check("positional only", raises(TypeError, cam.GetNextImage, grabTimeout=100))
    check("pointer", width.IsValid() and bool(width) and width.GetNode().GetName() == "Width")
    check("pointer of a pointer", PySpin.CIntegerPtr(PySpin.CValuePtr(width)) == width)
    check("wrong pointer", not PySpin.CStringPtr(width.GetNode()).IsValid())
    check("no value methods", not hasattr(PySpin.CEnumerationPtr(cam.GetNodeMap().GetNode("GainAuto")), "GetValue"))
    check("value methods", hasattr(cam.GainAuto, "GetValue") and hasattr(cam.GainAuto, "SetValue"))
    check("tool tip", all(type(one) is str for one in (width.GetToolTip(), width.GetDescription())))
    cam.BeginAcquisition()
    image = frame_of(cam)
    check("plain values", type(image.GetWidth()) is int and type(image.IsIncomplete()) is bool)
    check("array", isinstance(image.GetData(), numpy.ndarray) and image.GetData().ndim == 1)
    check("in use", cam.GetNumImagesInUse() == 1)
    check("release refused", raises(PySpin.SpinnakerException, system.ReleaseInstance))
    image.Release()
    cam.EndAcquisition()
    cam.DeInit()
    cameras.Clear()


def main():
    check_module()
    system = PySpin.System.GetInstance()
    check_system(system)
    check_camera(system)
    system.ReleaseInstance()
    system = PySpin.System.GetInstance()
    check("again", len(system.GetCameras()) == 1)
    system.ReleaseInstance()
    print("wrong:", WRONG)
    return 1 if WRONG else 0


if __name__ == "__main__":
    sys.exit(main())
