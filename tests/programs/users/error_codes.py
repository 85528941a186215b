"""What goes wrong, with the numbers that programs compare."""

import sys

import PySpin

WRONG = []


def expect(codes, what, call, *arguments):
    try:
        call(*arguments)
    except PySpin.SpinnakerException as ex:
        print("%s: %s" % (what, ex))
        text = str(ex)
        shape = text.startswith("Spinnaker: ") and text.endswith("[%d]" % ex.errorcode)
        if ex.errorcode not in codes or not shape or not ex.message or not ex.fullmessage:
            WRONG.append("%s: %s" % (what, text))
    except Exception as ex:
        WRONG.append("%s: %r" % (what, ex))
    else:
        WRONG.append("%s: nothing raised" % what)


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    expect([-1002], "BeginAcquisition before Init", cam.BeginAcquisition)
    cam.Init()
    expect([-1002, -1010], "GetNextImage without streaming", cam.GetNextImage, 100)
    nodemap = cam.GetNodeMap()
    expect([-2002], "width too large", cam.Width.SetValue, 100000)
    expect([-2006], "automatic exposure", cam.ExposureTime.SetValue, 1000)
    cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
    expect([-2002], "exposure too long", cam.ExposureTime.SetValue, 1e12)
    expect([-2006], "read-only node", PySpin.CIntegerPtr(nodemap.GetNode("SensorWidth")).SetValue, 1)
    cam.TriggerSource.SetValue(PySpin.TriggerSource_Software)
    cam.TriggerMode.SetValue(PySpin.TriggerMode_On)
    cam.BeginAcquisition()
    expect([-1011], "no frame", cam.GetNextImage, 100)
    expect([-1011], "no frame at once", cam.GetNextImage, 0)
    expect([-2006], "width while streaming", cam.Width.SetValue, 640)
    expect([-2006], "chunks while streaming", cam.ChunkModeActive.SetValue, True)
    expect([-2006], "files while streaming", PySpin.CCommandPtr(nodemap.GetNode("FileOperationExecute")).Execute)
    expect([-1004], "DeInit while streaming", cam.DeInit)
    cam.EndAcquisition()
    cam.TriggerMode.SetValue(PySpin.TriggerMode_Off)
    for bad, argument in ((cam_list.GetBySerial, 12345), (cam.Width.SetValue, "640"), (cam.GetNextImage, "a")):
        try:
            bad(argument)
            WRONG.append("no TypeError")
        except TypeError:
            pass
    try:
        cam_list[1]
        WRONG.append("no IndexError")
    except IndexError:
        pass
    for probe in (None, nodemap.GetNode("NoSuchNode"), PySpin.CStringPtr(None), cam.Width, PySpin.RW):
        PySpin.IsReadable(probe), PySpin.IsWritable(probe), PySpin.IsAvailable(probe), PySpin.IsImplemented(probe)
    if PySpin.IsAvailable(cam.GetTLStreamNodeMap().GetNode("StreamMode")):
        WRONG.append("StreamMode on a USB camera")
    cam.DeInit()
    del cam, bad
    cam_list.Clear()
    system.ReleaseInstance()
    print("wrong:", WRONG)
    return 1 if WRONG else 0


if __name__ == "__main__":
    sys.exit(main())
