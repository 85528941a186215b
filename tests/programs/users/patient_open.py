"""Opens the camera although the program before died: tries again for a while, whatever the reason."""

import sys
import time

import PySpin


def open_camera(system, attempts=20):
    for attempt in range(attempts):
        cam_list = system.GetCameras()
        try:
            if cam_list.GetSize() == 0:
                print("no camera found")
                time.sleep(0.2)
                continue
            cam = cam_list[0]
            cam.Init()
            print("open at attempt", attempt + 1)
            return cam
        except PySpin.SpinnakerException as ex:
            print("Init: %s" % ex)
            cam = None
            time.sleep(0.2)
        finally:
            cam_list.Clear()
    return None


def main():
    system = PySpin.System.GetInstance()
    cam = open_camera(system)
    if cam is None:
        return 1
    if cam.IsStreaming():
        print("it says that it streams")
        return 1
    cam.BeginAcquisition()
    ids = []
    for _ in range(3):
        image = cam.GetNextImage(1000)
        ids.append(image.GetFrameID())
        image.Release()
    cam.EndAcquisition()
    print("frames", ids)
    cam.DeInit()
    del cam, image
    system.ReleaseInstance()
    return 0


if __name__ == "__main__":
    sys.exit(main())
