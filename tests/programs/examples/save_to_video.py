"""A few frames as a film.

usage: save_to_video.py (avi|mjpg|h264)
"""

import sys

import PySpin

NUM_IMAGES = 4


def acquire_images(cam, nodemap):
    mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
    mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
    cam.BeginAcquisition()
    images = []
    processor = PySpin.ImageProcessor()
    processor.SetColorProcessing(PySpin.SPINNAKER_COLOR_PROCESSING_ALGORITHM_HQ_LINEAR)
    for _ in range(NUM_IMAGES):
        image = cam.GetNextImage(1000)
        if image.IsIncomplete():
            print("incomplete, status %d" % image.GetImageStatus())
        else:
            images.append(processor.Convert(image, PySpin.PixelFormat_Mono8))
        image.Release()
    cam.EndAcquisition()
    return images


def make_option(kind, frame_rate, images):
    if kind == "avi":
        option = PySpin.AVIOption()
    elif kind == "mjpg":
        option = PySpin.MJPGOption()
        option.quality = 75
    else:
        option = PySpin.H264Option()
        option.bitrate = 1000000
    option.frameRate = frame_rate
    option.height = images[0].GetHeight()
    option.width = images[0].GetWidth()
    return option


def save_to_video(nodemap, kind, serial, images):
    node_rate = PySpin.CFloatPtr(nodemap.GetNode("AcquisitionFrameRate"))
    if not PySpin.IsReadable(node_rate):
        print("no frame rate")
        return False
    frame_rate = node_rate.GetValue()
    print("frame rate %d" % frame_rate)
    recorder = PySpin.SpinVideo()
    recorder.SetMaximumFileSize(100)
    filename = "SaveToVideo-%s-%s" % (kind, serial)
    recorder.Open(filename, make_option(kind, frame_rate, images))
    for i, image in enumerate(images):
        recorder.Append(image)
        print("appended %d" % i)
    recorder.Close()
    print("film saved as %s" % filename)
    return True


def run_single_camera(cam, kind):
    try:
        serial = PySpin.CStringPtr(cam.GetTLDeviceNodeMap().GetNode("DeviceSerialNumber")).GetValue()
        cam.Init()
        nodemap = cam.GetNodeMap()
        images = acquire_images(cam, nodemap)
        result = save_to_video(nodemap, kind, serial, images)
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    return result


def main():
    kind = sys.argv[1]
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    result = cam_list.GetSize() > 0
    for cam in cam_list:
        result &= run_single_camera(cam, kind)
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
