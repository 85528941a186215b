"""Frame rate, exposure and region, each clamped to what the camera allows at that moment."""

import sys

import PySpin


def clamp_to(node, value):
    value = max(node.GetMin(), min(node.GetMax(), value))
    if isinstance(node, PySpin.IInteger):
        value = node.GetMin() + (value - node.GetMin()) // node.GetInc() * node.GetInc()
    node.SetValue(value)
    return node.GetValue()


def set_frame_rate(cam, rate_hz):
    if cam.AcquisitionFrameRate.GetAccessMode() == PySpin.RW:
        print("the rate is writable before it is enabled")
        return -1
    cam.AcquisitionFrameRateEnable.SetValue(True)
    if cam.AcquisitionFrameRate.GetAccessMode() != PySpin.RW:
        print("the rate is not writable")
        return -1
    return clamp_to(cam.AcquisitionFrameRate, rate_hz)


def measured_rate(cam, count):
    cam.BeginAcquisition()
    stamps = []
    for _ in range(count):
        image = cam.GetNextImage(1000)
        stamps.append(image.GetTimeStamp())
        size = (image.GetWidth(), image.GetHeight())
        image.Release()
    cam.EndAcquisition()
    return (count - 1) / (stamps[-1] - stamps[0]) * 1e9, size


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    cam.AcquisitionFrameRateEnable.SetValue(False)
    cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Continuous)
    locked = cam.ExposureTime.GetAccessMode()
    cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
    exposure = clamp_to(cam.ExposureTime, 1.0)
    print("exposure locked %d, shortest %.1f us, longest %.0f us" % (locked, exposure, cam.ExposureTime.GetMax()))
    fine = locked != PySpin.RW and 28 <= exposure <= 30
    fine &= cam.OffsetX.GetMax() == 0
    width, height = clamp_to(cam.Width, 333), clamp_to(cam.Height, 10000)
    offset = clamp_to(cam.OffsetX, 100)
    fine &= width % cam.Width.GetInc() == 0 and 300 < width <= 333 and height == 1080 and 0 < offset <= 100
    fine &= cam.OffsetX.GetMax() <= 1440 - width
    print("region %d x %d at %d" % (width, height, offset))

    rate = set_frame_rate(cam, 25.0)
    measured, size = measured_rate(cam, 6)
    print("rate %.3f Hz, measured %.3f Hz, resulting %.3f Hz" % (rate, measured, cam.AcquisitionResultingFrameRate()))
    fine &= abs(rate - 25) < 0.1 and abs(measured - 25) < 0.5 and size == (width, height)
    clamp_to(cam.AcquisitionFrameRate, 1e6)
    fine &= cam.AcquisitionFrameRate() < 1000

    cam.AcquisitionFrameRate.SetValue(10)
    cam.ExposureTime.SetValue(50000)
    fine &= cam.AcquisitionFrameRate.GetMax() <= 20.5
    try:
        cam.AcquisitionFrameRate.SetValue(cam.AcquisitionFrameRate.GetMax() * 2)
        fine = False
    except PySpin.SpinnakerException as ex:
        print("too fast: %d" % ex.errorcode)
        fine &= ex.errorcode == -2002
    cam.DeInit()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
