"""The histogram of the grey channel of a few frames, without a plot."""

import sys

import PySpin

NUM_IMAGES = 3


def print_statistics(image):
    statistics = image.CalculateChannelStatistics(PySpin.SPINNAKER_STATISTICS_CHANNEL_GREY)
    print("range %d to %d" % (statistics.range_min, statistics.range_max))
    print("pixel values %d to %d" % (statistics.pixel_value_min, statistics.pixel_value_max))
    print("mean %f of %d values" % (statistics.pixel_value_mean, statistics.num_pixel_values))
    histogram = statistics.histogram
    print("histogram of %d bins, sum %d" % (len(histogram), sum(histogram)))
    pixels = image.GetNDArray()
    return (
        sum(histogram) == pixels.size
        and statistics.pixel_value_min == pixels.min()
        and statistics.pixel_value_max == pixels.max()
        and abs(statistics.pixel_value_mean - pixels.mean()) < 0.01
    )


def run_single_camera(cam):
    result = True
    try:
        cam.Init()
        nodemap = cam.GetNodeMap()
        pixel_format = PySpin.CEnumerationPtr(nodemap.GetNode("PixelFormat"))
        mono8 = PySpin.CEnumEntryPtr(pixel_format.GetEntryByName("Mono8"))
        if PySpin.IsReadable(mono8) and PySpin.IsWritable(pixel_format):
            pixel_format.SetIntValue(mono8.GetValue())
        mode = PySpin.CEnumerationPtr(nodemap.GetNode("AcquisitionMode"))
        mode.SetIntValue(mode.GetEntryByName("Continuous").GetValue())
        cam.BeginAcquisition()
        for _ in range(NUM_IMAGES):
            image = cam.GetNextImage(1000)
            if not image.IsIncomplete():
                result &= print_statistics(image)
            image.Release()
        cam.EndAcquisition()
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
