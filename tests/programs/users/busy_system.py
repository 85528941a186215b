"""ReleaseInstance with something still alive, told by the number in the text, then everything again in one process."""

import gc
import sys

import PySpin


def is_busy(system):
    try:
        system.ReleaseInstance()
        return False
    except PySpin.SpinnakerException as e:
        print(str(e).split("Spinnaker: ")[-1])
        return "[-1004]" in str(e)


def open_and_forget():
    """Neither EndAcquisition nor DeInit: dropping the last reference must leave the camera openable."""
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()


def main():
    wrong = []
    system = PySpin.System.GetInstance()
    if PySpin.System_GetInstance() is None:
        wrong.append("System_GetInstance")
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam_list.Clear()
    if not cam.IsValid():
        wrong.append("the camera did not survive Clear")
    if not is_busy(system):
        wrong.append("released with a camera alive")
    if not system.IsInUse():
        wrong.append("not in use with a camera alive")
    cam.Init()
    cam.BeginAcquisition()
    try:
        cam.DeInit()
        wrong.append("DeInit while streaming")
    except PySpin.SpinnakerException as e:
        print(e)
        if e.errorcode != -1004:
            wrong.append("DeInit while streaming: %d" % e.errorcode)
    cam.EndAcquisition()
    cam.DeInit()
    cam.Init()
    cam.Init()
    cam.DeInit()
    del cam
    gc.collect()
    system.ReleaseInstance()
    del system
    for _ in range(2):
        open_and_forget()
    print("wrong:", wrong)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
