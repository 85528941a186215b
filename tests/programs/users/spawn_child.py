"""A parent that only enumerates; the child process makes its own system and grabs."""

import multiprocessing
import sys

import PySpin


def grab(serial, results):
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list.GetBySerial(serial)
    cam.Init()
    cam.BeginAcquisition()
    for _ in range(3):
        image = cam.GetNextImage(1000)
        results.put((image.GetFrameID(), image.GetNDArray().shape))
        image.Release()
    cam.EndAcquisition()
    cam.DeInit()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    serial = cam_list[0].TLDevice.DeviceSerialNumber.ToString()
    cam_list.Clear()
    context = multiprocessing.get_context(sys.argv[1] if len(sys.argv) > 1 else "spawn")
    results = context.Queue()
    child = context.Process(target=grab, args=(serial, results))
    child.start()
    frames = [results.get(timeout=20) for _ in range(3)]
    child.join(20)
    print("child ended with", child.exitcode, "after", frames)
    system.ReleaseInstance()
    return 0 if child.exitcode == 0 and [one[0] for one in frames] == [0, 1, 2] else 1


if __name__ == "__main__":
    sys.exit(main())
