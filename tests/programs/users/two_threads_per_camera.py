"""One thread a camera, each its own timeouts; the main thread changes the exposure meanwhile."""

import sys
import threading

import PySpin


def worker(cam, serial, frames, errors):
    try:
        while len(frames) < 10:
            try:
                image = cam.GetNextImage(250)
            except PySpin.SpinnakerException as ex:
                if ex.errorcode == -1011:
                    continue
                raise
            frames.append(image.GetFrameID())
            image.Release()
    except Exception as ex:
        errors.append("%s: %s" % (serial, ex))


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    frames, errors, threads = {}, [], []
    for cam in cam_list:
        cam.Init()
        cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
        cam.BeginAcquisition()
        serial = cam.DeviceSerialNumber()
        frames[serial] = []
        threads.append(threading.Thread(target=worker, args=(cam, serial, frames[serial], errors)))
    for thread in threads:
        thread.start()
    exposures = []
    while any(thread.is_alive() for thread in threads):
        for cam in cam_list:
            cam.ExposureTime.SetValue(1000 + 100 * (len(exposures) % 10))
            exposures.append(cam.ExposureTime.GetValue())
    for thread in threads:
        thread.join()
    for cam in cam_list:
        cam.EndAcquisition()
        cam.DeInit()
    del cam, threads
    cam_list.Clear()
    system.ReleaseInstance()
    print("frames", frames, "exposures", len(exposures), "errors", errors)
    return 0 if not errors and all(len(one) == 10 for one in frames.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
