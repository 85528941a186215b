"""Settings of a camera by the short form: attributes that are called."""

import sys

import PySpin


class CameraSettings:
    def __init__(self, cam):
        self.cam = cam

    def describe(self):
        cam = self.cam
        return {
            "model": cam.DeviceModelName(),
            "serial": cam.DeviceSerialNumber(),
            "width": cam.Width(),
            "height": cam.Height(),
            "exposure_us": cam.ExposureTime(),
            "gain_db": cam.Gain(),
            "gamma": cam.GammaEnable() if PySpin.IsReadable(cam.GammaEnable) else None,
        }

    def restore_defaults(self):
        self.cam.UserSetSelector.SetValue(PySpin.UserSetSelector_Default)
        self.cam.UserSetLoad()

    def set_manual(self, exposure_us, gain_db):
        cam = self.cam
        cam.ExposureAuto.SetValue(PySpin.ExposureAuto_Off)
        cam.GainAuto.SetValue(PySpin.GainAuto_Off)
        cam.ExposureTime.SetValue(exposure_us)
        cam.Gain.SetValue(gain_db)


def types_are_exact(cam):
    return (
        type(cam.Width) is PySpin.IInteger
        and type(cam.ExposureTime) is PySpin.IFloat
        and type(cam.ChunkModeActive) is PySpin.IBoolean
        and type(cam.DeviceModelName) is PySpin.IString
        and type(cam.TriggerSoftware) is PySpin.ICommand
        and type(cam.ExposureAuto) is PySpin.IEnumerationT_ExposureAutoEnums
        and isinstance(cam.ExposureAuto, PySpin.IEnumeration)
    )


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    settings = CameraSettings(cam)
    settings.restore_defaults()
    settings.set_manual(2000, 6)
    told = settings.describe()
    print(told)
    fine = told["width"] == 1440 and abs(told["exposure_us"] - 2000) < 30 and abs(told["gain_db"] - 6) < 0.2
    fine &= types_are_exact(cam)
    fine &= not hasattr(cam, "InferenceEnable") and not hasattr(cam, "NoSuchNode")
    fine &= hasattr(cam, "ChunkInferenceResult")
    # The numbers of the SDK and those of the camera are not the same.
    fine &= cam.PixelFormat.GetValue() == PySpin.PixelFormat_Mono8 == 0
    fine &= cam.PixelFormat.GetIntValue() == 0x01080001
    fine &= cam.PixelFormat.GetEntry(PySpin.PixelFormat_Mono8).GetSymbolic() == "Mono8"
    fine &= not PySpin.IsReadable(cam.SequencerMode)
    nodemap = cam.GetNodeMap()
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("FileSelector"))
    selector.SetIntValue(PySpin.CEnumEntryPtr(selector.GetEntryByName("InferenceNetwork")).GetValue())
    try:
        cam.FileSelector.GetValue()
        print("a constant for an entry that the SDK does not know")
        fine = False
    except PySpin.SpinnakerException as ex:
        print("no constant: %d, but %s" % (ex.errorcode, cam.FileSelector.ToString()))
    cam.DeInit()
    del settings, cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
