"""The whole tree of the three node maps of a camera."""

import sys

import PySpin

MAX_CHARS = 35


def line(node, level, text):
    print("%s%s: %s" % ("    " * level, node.GetDisplayName(), text[:MAX_CHARS]))


def print_string(node, level):
    line(node, level, PySpin.CStringPtr(node).GetValue())


def print_integer(node, level):
    line(node, level, "%i" % PySpin.CIntegerPtr(node).GetValue())


def print_float(node, level):
    line(node, level, "%f" % PySpin.CFloatPtr(node).GetValue())


def print_boolean(node, level):
    line(node, level, "%i" % PySpin.CBooleanPtr(node).GetValue())


def print_command(node, level):
    line(node, level, PySpin.CCommandPtr(node).GetToolTip())


def print_enumeration(node, level):
    entry = PySpin.CEnumEntryPtr(PySpin.CEnumerationPtr(node).GetCurrentEntry())
    line(node, level, entry.GetSymbolic())


def print_value(node, level):
    line(node, level, PySpin.CValuePtr(node).ToString())


PRINTERS = {
    PySpin.intfIString: print_string,
    PySpin.intfIInteger: print_integer,
    PySpin.intfIFloat: print_float,
    PySpin.intfIBoolean: print_boolean,
    PySpin.intfICommand: print_command,
    PySpin.intfIEnumeration: print_enumeration,
}


def print_category(node, level):
    """Returns how many values were printed below `node`."""
    category = PySpin.CCategoryPtr(node)
    print("%s[%s]" % ("    " * level, category.GetDisplayName()))
    count = 0
    for feature in category.GetFeatures():
        if not PySpin.IsAvailable(feature) or not (
            PySpin.IsReadable(feature) or feature.GetPrincipalInterfaceType() == PySpin.intfICommand
        ):
            continue
        kind = feature.GetPrincipalInterfaceType()
        if kind == PySpin.intfICategory:
            count += print_category(feature, level + 1)
        else:
            PRINTERS.get(kind, print_value)(feature, level + 1)
            count += 1
    return count


def run_single_camera(cam):
    try:
        total = print_category(cam.GetTLDeviceNodeMap().GetNode("Root"), 0)
        print("TL device: %d values" % total)
        result = total > 0
        total = print_category(cam.GetTLStreamNodeMap().GetNode("Root"), 0)
        print("TL stream: %d values" % total)
        result &= total > 0
        cam.Init()
        total = print_category(cam.GetNodeMap().GetNode("Root"), 0)
        print("camera: %d values" % total)
        result &= total > 50
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
