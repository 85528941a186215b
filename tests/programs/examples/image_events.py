"""Frames come to a handler on a library thread, which converts and saves them."""

import sys
import time

import PySpin


class ImageSaver(PySpin.ImageEventHandler):
    MAX_IMAGES = 5

    def __init__(self, cam):
        super().__init__()
        nodemap = cam.GetTLDeviceNodeMap()
        self.serial = PySpin.CStringPtr(nodemap.GetNode("DeviceSerialNumber")).GetValue()
        self.count = 0
        self.processor = PySpin.ImageProcessor()
        self.processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
        del cam

    def OnImageEvent(self, image):
        if self.count >= self.MAX_IMAGES:
            return
        if image.IsIncomplete():
            print("incomplete, status %i" % image.GetImageStatus())
            return
        print("image %i, %i x %i" % (self.count, image.GetWidth(), image.GetHeight()))
        converted = self.processor.Convert(image, PySpin.PixelFormat_Mono8)
        converted.Save("ImageEvents-%s-%i.jpg" % (self.serial, self.count))
        self.count += 1

    def done(self):
        return self.count >= self.MAX_IMAGES


def wait_for_images(handler):
    for _ in range(100):
        if handler.done():
            return True
        print("waiting")
        time.sleep(0.05)
    return False


def run_single_camera(cam):
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        handler = ImageSaver(cam)
        cam.RegisterEventHandler(handler)
        mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
        mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
        cam.BeginAcquisition()
        result = wait_for_images(handler)
        cam.EndAcquisition()
        try:
            cam.DeInit()
            print("DeInit did not mind the handler")
            result = False
        except PySpin.SpinnakerException as ex:
            print("as expected: %s" % ex)
        cam.UnregisterEventHandler(handler)
        cam.DeInit()
        del handler
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
