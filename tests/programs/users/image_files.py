"""Files of every kind, options that choose the kind, loading, copying, creating and converting."""

import os
import sys

import numpy as np
import PySpin

FORMATS = (
    (PySpin.PixelFormat_Mono8, lambda shape: shape),
    (PySpin.PixelFormat_RGB8, lambda shape: (*shape, 3)),
    (PySpin.PixelFormat_BGR8, lambda shape: (*shape, 3)),
)


def save_all(image):
    for extension in ("jpg", "png", "bmp", "pgm", "tiff", "raw"):
        image.Save("one." + extension)
    jpeg = PySpin.JPEGOption()
    jpeg.quality = 40
    image.Save("small.jpg", jpeg)
    png = PySpin.PNGOption()
    png.compressionLevel = 1
    image.Save("option", png)
    sizes = {name: os.path.getsize(name) for name in sorted(os.listdir(".")) if "." in name or name == "option"}
    print(sizes)
    return sizes.get("one.raw") == image.GetWidth() * image.GetHeight() and sizes["small.jpg"] < sizes["one.jpg"]


def check_copies(image, pixels):
    fine = True
    loaded = PySpin.Image.Load("one.png")
    fine &= np.array_equal(loaded.GetNDArray(), pixels)
    copy = PySpin.Image.Create()
    copy.DeepCopy(image)
    made = PySpin.Image.Create(4, 2, 0, 0, PySpin.PixelFormat_Mono8, np.arange(8, dtype=np.uint8))
    fine &= made.GetNDArray().tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    return fine, copy


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    cam.BeginAcquisition()
    image = cam.GetNextImage(1000)
    pixels = image.GetNDArray().copy()
    fine = save_all(image)
    told, copy = check_copies(image, pixels)
    fine &= told
    processor = PySpin.ImageProcessor()
    converted = []
    for wanted, shape in FORMATS:
        converted.append(processor.Convert(image, wanted))
        fine &= converted[-1].GetNDArray().shape == shape(pixels.shape)
    image.Release()
    cam.EndAcquisition()
    cam.DeInit()
    # What was copied or converted outlives its source.
    fine &= np.array_equal(copy.GetNDArray(), pixels) and np.array_equal(converted[0].GetNDArray(), pixels)
    planes = converted[1].GetNDArray()
    fine &= all(np.array_equal(planes[:, :, i], pixels) for i in range(3))
    print("type", type(converted[0]) is PySpin.ImagePtr, PySpin.Image_GetImageStatusDescription(0))
    fine &= type(converted[0]) is PySpin.ImagePtr and not hasattr(copy, "Convert")
    try:
        processor.Convert(copy, PySpin.PixelFormat_BayerRG8)
        print("a Bayer pattern out of grey")
    except PySpin.SpinnakerException as ex:
        print("no conversion: %d" % ex.errorcode)
    del image, copy, converted, cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
