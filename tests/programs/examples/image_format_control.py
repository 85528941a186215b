"""Pixel format and region by the node map, then some frames of that shape."""

import sys

import PySpin

NUM_IMAGES = 2


def set_integer(nodemap, name, choose):
    node = PySpin.CIntegerPtr(nodemap.GetNode(name))
    if not PySpin.IsReadable(node) or not PySpin.IsWritable(node):
        print("%s not available" % name)
        return
    value = choose(node)
    node.SetValue(value)
    print("%s is %i (%i to %i by %i)" % (name, node.GetValue(), node.GetMin(), node.GetMax(), node.GetInc()))


def configure_custom_image_settings(nodemap):
    pixel_format = PySpin.CEnumerationPtr(nodemap.GetNode("PixelFormat"))
    if PySpin.IsReadable(pixel_format) and PySpin.IsWritable(pixel_format):
        mono8 = PySpin.CEnumEntryPtr(pixel_format.GetEntryByName("Mono8"))
        if PySpin.IsReadable(mono8):
            pixel_format.SetIntValue(mono8.GetValue())
            print("pixel format %s" % pixel_format.GetCurrentEntry().GetSymbolic())
    set_integer(nodemap, "OffsetX", lambda node: node.GetMin())
    set_integer(nodemap, "OffsetY", lambda node: node.GetMin())
    set_integer(nodemap, "Width", lambda node: node.GetMax())
    set_integer(nodemap, "Height", lambda node: node.GetMax())


def acquire_images(cam, nodemap):
    width = PySpin.CIntegerPtr(nodemap.GetNode("Width")).GetValue()
    height = PySpin.CIntegerPtr(nodemap.GetNode("Height")).GetValue()
    mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
    mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
    cam.BeginAcquisition()
    result = True
    for i in range(NUM_IMAGES):
        image = cam.GetNextImage(1000)
        print("image %i, %i x %i" % (i, image.GetWidth(), image.GetHeight()))
        result &= (image.GetWidth(), image.GetHeight()) == (width, height)
        image.Save("ImageFormatControl-%i.png" % i)
        image.Release()
    if PySpin.IsWritable(PySpin.CIntegerPtr(nodemap.GetNode("Width"))):
        print("Width is writable while streaming")
        result = False
    cam.EndAcquisition()
    return result


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        configure_custom_image_settings(nodemap)
        result = acquire_images(cam, nodemap)
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
