"""A camera whose nodes are its attributes, found in the flat list of the node map, with a description of each."""

import sys

import PySpin

POINTERS = {
    PySpin.intfIFloat: PySpin.CFloatPtr,
    PySpin.intfIBoolean: PySpin.CBooleanPtr,
    PySpin.intfIInteger: PySpin.CIntegerPtr,
    PySpin.intfIEnumeration: PySpin.CEnumerationPtr,
    PySpin.intfIString: PySpin.CStringPtr,
}
ACCESS = {PySpin.NI: "none", PySpin.NA: "not available", PySpin.WO: "write", PySpin.RO: "read", PySpin.RW: "read/write"}


class CameraError(Exception):
    pass


class AttributeCamera:
    system = None
    _own = ("cam", "nodes", "commands", "running")

    def __init__(self, index=0):
        if AttributeCamera.system is None:
            AttributeCamera.system = PySpin.System.GetInstance()
        cam_list = AttributeCamera.system.GetCameras()
        self.cam = cam_list.GetByIndex(index) if isinstance(index, int) else cam_list.GetBySerial(index)
        cam_list.Clear()
        self.nodes = {}
        self.commands = {}
        self.running = False

    def __enter__(self):
        self.cam.Init()
        for node in self.cam.GetNodeMap().GetNodes():
            kind = node.GetPrincipalInterfaceType()
            if kind == PySpin.intfICommand:
                self.commands[node.GetName()] = PySpin.CCommandPtr(node)
            elif kind in POINTERS:
                self.nodes[node.GetName()] = POINTERS[kind](node)
        return self

    def __exit__(self, *error):
        if self.running:
            self.stop()
        self.nodes.clear()
        self.commands.clear()
        self.cam.DeInit()
        del self.cam

    def start(self):
        self.cam.BeginAcquisition()
        self.running = True

    def stop(self):
        self.cam.EndAcquisition()
        self.running = False

    def get_array(self, wait=True):
        image = self.cam.GetNextImage(PySpin.EVENT_TIMEOUT_INFINITE if wait else PySpin.EVENT_TIMEOUT_NONE)
        array = image.GetNDArray()
        image.Release()
        return array

    def __getattr__(self, name):
        if name in self._own or name.startswith("__"):
            raise AttributeError(name)
        if name in self.nodes:
            node = self.nodes[name]
            if not PySpin.IsReadable(node):
                raise CameraError("%s is not readable" % name)
            return node.GetValue() if hasattr(node, "GetValue") else node.ToString()
        if name in self.commands:
            return self.commands[name].Execute
        raise AttributeError(name)

    def __setattr__(self, name, value):
        if name in self._own:
            object.__setattr__(self, name, value)
            return
        node = self.nodes[name]
        if not PySpin.IsWritable(node):
            raise CameraError("%s is not writable" % name)
        if hasattr(node, "SetValue"):
            node.SetValue(value)
        else:
            node.FromString(value)

    def get_info(self, name):
        node = self.nodes[name]
        told = {"name": name, "access": ACCESS[node.GetAccessMode()], "about": node.GetDescription()}
        if PySpin.IsReadable(node):
            told["value"] = getattr(self, name)
            for what in ("Unit", "Min", "Max"):
                if hasattr(node, "Get" + what):
                    told[what.lower()] = getattr(node, "Get" + what)()
            if hasattr(node, "GetEntries"):
                told["entries"] = [one.GetName().split("_")[-1] for one in node.GetEntries() if PySpin.IsReadable(one)]
        return told


def main():
    with AttributeCamera() as camera:
        told = {name: camera.get_info(name) for name in camera.nodes}
        for name in ("ExposureTime", "Width", "PixelFormat", "DeviceModelName", "InferenceEnable"):
            print(told[name])
        camera.ExposureAuto = "Off"
        camera.ExposureTime = 2500
        camera.AcquisitionMode = "Continuous"
        camera.start()
        shape = camera.get_array().shape
        try:
            camera.Width = 640
            locked = False
        except CameraError as ex:
            print(ex)
            locked = True
        camera.stop()
        camera.UserSetSelector = "Default"
        camera.UserSetLoad()
        fine = shape == (1080, 1440) and locked and told["ExposureTime"]["unit"] == "us"
        fine = fine and "Mono8" in told["PixelFormat"]["entries"] and told["Width"]["max"] == 1440
        print("described", len(told), "nodes,", len(camera.commands), "commands, fine", fine)
    return 0 if fine else 1


if __name__ == "__main__":
    code = main()
    AttributeCamera.system.ReleaseInstance()
    sys.exit(code)
