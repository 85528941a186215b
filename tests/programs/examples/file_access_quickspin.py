"""Keep one frame in the camera's user file: `--mode /u` writes it, `--mode /d` reads it back in another run."""

import argparse
import sys

import numpy as np
import PySpin


def execute(cam, operation):
    cam.FileOperationSelector.SetValue(operation)
    cam.FileOperationExecute.Execute()
    if cam.FileOperationStatus.GetValue() != PySpin.FileOperationStatus_Success:
        print("operation %d failed: %s" % (operation, cam.FileOperationStatus.ToString()))
        return False
    return True


def open_file(cam, mode):
    cam.FileSelector.SetValue(PySpin.FileSelector_UserFile1)
    cam.FileOpenMode.SetValue(mode)
    if not execute(cam, PySpin.FileOperationSelector_Open):
        return False
    status = np.array([cam.FileOperationResult.GetValue()], dtype=np.uint8)
    print("opened with result %d" % status[0])
    return True


def upload(cam):
    cam.BeginAcquisition()
    image = cam.GetNextImage(1000)
    data = np.array(image.GetData())
    width, height = image.GetWidth(), image.GetHeight()
    image.Release()
    cam.EndAcquisition()
    print("frame of %d bytes" % data.nbytes)

    cam.FileSelector.SetValue(PySpin.FileSelector_UserFile1)
    if cam.FileSize.GetValue() > 0 and not execute(cam, PySpin.FileOperationSelector_Delete):
        return False
    if not open_file(cam, PySpin.FileOpenMode_Write):
        return False
    step = cam.FileAccessBuffer.GetLength()
    cam.FileAccessOffset.SetValue(0)
    done = 0
    while done < data.nbytes:
        piece = data[done : done + step]
        cam.FileAccessLength.SetValue(len(piece))
        cam.FileAccessBuffer.Set(piece)
        if not execute(cam, PySpin.FileOperationSelector_Write):
            return False
        done += cam.FileOperationResult.GetValue()
    if not execute(cam, PySpin.FileOperationSelector_Close):
        return False
    print("uploaded %d bytes, FileSize %d" % (done, cam.FileSize.GetValue()))
    image = PySpin.Image.Create(width, height, 0, 0, PySpin.PixelFormat_Mono8, data)
    image.Save("uploaded.pgm")
    return cam.FileSize.GetValue() >= data.nbytes


def download(cam):
    width, height = cam.Width.GetValue(), cam.Height.GetValue()
    if not open_file(cam, PySpin.FileOpenMode_Read):
        return False
    total = min(cam.FileSize.GetValue(), width * height)
    step = cam.FileAccessBuffer.GetLength()
    cam.FileAccessOffset.SetValue(0)
    pieces = []
    done = 0
    while done < total:
        cam.FileAccessLength.SetValue(min(step, total - done))
        if not execute(cam, PySpin.FileOperationSelector_Read):
            return False
        count = cam.FileOperationResult.GetValue()
        pieces.append(cam.FileAccessBuffer.Get(count))
        done += count
    if not execute(cam, PySpin.FileOperationSelector_Close):
        return False
    data = np.concatenate(pieces)
    print("downloaded %d bytes" % data.nbytes)
    image = PySpin.Image.Create(width, height, 0, 0, PySpin.PixelFormat_Mono8, data)
    image.Save("downloaded.pgm")
    return done == width * height and execute(cam, PySpin.FileOperationSelector_Delete)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=("/u", "/d"), required=True)
    arguments = parser.parse_args()

    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    if cam_list.GetSize() != 1:
        print("this needs exactly one camera")
        cam_list.Clear()
        system.ReleaseInstance()
        return False
    cam = cam_list.GetByIndex(0)
    try:
        cam.Init()
        cam.PixelFormat.SetValue(PySpin.PixelFormat_Mono8)
        result = upload(cam) if arguments.mode == "/u" else download(cam)
        cam.DeInit()
    except PySpin.SpinnakerException as ex:
        print("Error: %s" % ex)
        result = False
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    input("Press Enter to exit")
    return result


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
