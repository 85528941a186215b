"""A generic wrapper: any node by name, read and written by whichever methods it has."""

import sys

import PySpin

POINTERS = {
    PySpin.intfIInteger: PySpin.CIntegerPtr,
    PySpin.intfIBoolean: PySpin.CBooleanPtr,
    PySpin.intfICommand: PySpin.CCommandPtr,
    PySpin.intfIFloat: PySpin.CFloatPtr,
    PySpin.intfIString: PySpin.CStringPtr,
    PySpin.intfIRegister: PySpin.CRegisterPtr,
    PySpin.intfICategory: PySpin.CCategoryPtr,
    PySpin.intfIEnumeration: PySpin.CEnumerationPtr,
}


class Feature:
    def __init__(self, nodemap, name):
        node = nodemap.GetNode(name)
        if not PySpin.IsAvailable(node):
            raise AttributeError(name)
        self.node = POINTERS[node.GetPrincipalInterfaceType()](node)
        self.name = name

    def get(self):
        if hasattr(self.node, "GetValue"):
            return self.node.GetValue()
        return self.node.ToString()

    def set(self, value):
        if hasattr(self.node, "SetValue"):
            self.node.SetValue(value)
        else:
            self.node.FromString(value)

    def entries(self):
        return [PySpin.CEnumEntryPtr(one).GetSymbolic() for one in self.node.GetEntries() if PySpin.IsAvailable(one)]

    def run(self):
        self.node.Execute()


class GenericCamera:
    def __init__(self, cam):
        self.__dict__["cam"] = cam
        cam.Init()
        self.__dict__["nodemap"] = cam.GetNodeMap()

    def __getattr__(self, name):
        return Feature(self.nodemap, name).get()

    def __setattr__(self, name, value):
        Feature(self.nodemap, name).set(value)


def expect(what, value, wanted):
    print("%s: %r" % (what, value))
    if value != wanted or type(value) is not type(wanted):
        print("  wanted %r" % (wanted,))
        return 1
    return 0


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    camera = GenericCamera(cam_list[0])
    nodemap = camera.nodemap
    wrong = 0

    camera.ExposureAuto = "Off"
    wrong += expect("ExposureAuto", camera.ExposureAuto, "Off")
    camera.ExposureTime = 1500
    wrong += int(not 1400 < camera.ExposureTime < 1600 or type(camera.ExposureTime) is not float)
    camera.Width = 640
    wrong += expect("Width", camera.Width, 640)
    camera.ChunkModeActive = True
    wrong += expect("ChunkModeActive", camera.ChunkModeActive, True)
    camera.DeviceUserID = "left"
    wrong += expect("DeviceUserID", camera.DeviceUserID, "left")
    wrong += expect("boolean text", PySpin.CValuePtr(nodemap.GetNode("ChunkModeActive")).ToString(), "1")
    wrong += expect("integer text", PySpin.CValuePtr(nodemap.GetNode("Width")).ToString(), "640")
    wrong += expect("no such node", nodemap.GetNode("NoSuchNode"), None)
    modes = Feature(nodemap, "AcquisitionMode").entries()
    print("modes", modes)
    wrong += int("Continuous" not in modes or "SingleFrame" not in modes)
    entry = PySpin.CEnumerationPtr(nodemap.GetNode("PixelFormat")).GetEntryByName("Mono8")
    wrong += expect("entry name", entry.GetName(), "EnumEntry_PixelFormat_Mono8")
    wrong += expect("entry value", entry.GetValue(), 0x01080001)
    wrong += expect("numeric", entry.GetNumericValue(), float(0x01080001))
    null = PySpin.CFloatPtr(nodemap.GetNode("Width"))
    wrong += expect("integer as float is null", (null.IsValid(), bool(null)), (False, False))
    for feature, value in (("", 0), ("Width", 10**6), ("WidthMax", 1)):
        try:
            if feature:
                setattr(camera, feature, value)
            else:
                null.GetValue()
            print("this had to raise")
            wrong += 1
        except PySpin.SpinnakerException as ex:
            print("raised %d: %s" % (ex.errorcode, ex.message))
    try:
        PySpin.CIntegerPtr(nodemap.GetNode("Width")).SetValue(640.5)
        wrong += 1
    except TypeError:
        print("an integer takes no float")
    camera.cam.DeInit()
    del camera
    cam_list.Clear()
    system.ReleaseInstance()
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
