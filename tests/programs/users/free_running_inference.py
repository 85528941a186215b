"""Inference beside the stream: results repeat over frames, are told apart by the frame they are of.

usage: free_running_inference.py NETWORK
"""

import sys

import numpy as np
import PySpin


class Files:
    def __init__(self, nodemap):
        self.nodemap = nodemap

    def select(self, name, symbolic):
        node = PySpin.CEnumerationPtr(self.nodemap.GetNode(name))
        node.SetIntValue(node.GetEntryByName(symbolic).GetValue())

    def run(self, operation):
        self.select("FileOperationSelector", operation)
        PySpin.CCommandPtr(self.nodemap.GetNode("FileOperationExecute")).Execute()
        status = PySpin.CEnumerationPtr(self.nodemap.GetNode("FileOperationStatus")).GetCurrentEntry().GetSymbolic()
        assert status == "Success", (operation, status)

    def replace(self, selector, data):
        self.select("FileSelector", selector)
        if PySpin.CIntegerPtr(self.nodemap.GetNode("FileSize")).GetValue() > 0:
            self.run("Delete")
        self.select("FileOpenMode", "Write")
        self.run("Open")
        flash = PySpin.CBooleanPtr(self.nodemap.GetNode("FileWriteToFlash"))
        if PySpin.IsWritable(flash):
            flash.SetValue(False)
        register = PySpin.CRegisterPtr(self.nodemap.GetNode("FileAccessBuffer"))
        length = PySpin.CIntegerPtr(self.nodemap.GetNode("FileAccessLength"))
        PySpin.CIntegerPtr(self.nodemap.GetNode("FileAccessOffset")).SetValue(0)
        done = 0
        while done < len(data):
            piece = data[done : done + min(register.GetLength(), length.GetMax())]
            length.SetValue(len(piece))
            register.Set(np.concatenate([piece, np.full(-len(piece) % 4, 0xFF, np.uint8)]))
            self.run("Write")
            done += PySpin.CIntegerPtr(self.nodemap.GetNode("FileOperationResult")).GetValue()
        self.run("Close")


def enable_chunks(cam, nodemap, names):
    cam.ChunkModeActive.SetValue(True)
    selector = PySpin.CEnumerationPtr(nodemap.GetNode("ChunkSelector"))
    for name in names:
        selector.SetIntValue(selector.GetEntryByName(name).GetValue())
        cam.ChunkEnable.SetValue(True)


def collect(cam, count):
    rows = []
    cam.BeginAcquisition()
    for _ in range(count):
        with_result = cam.GetNextImage(2000)
        chunk = with_result.GetChunkData()
        rows.append(
            (
                with_result.GetFrameID(),
                chunk.GetInferenceFrameId(),
                chunk.GetInferenceResult(),
                chunk.GetInferenceConfidence(),
            )
        )
        with_result.Release()
    cam.EndAcquisition()
    return rows


def main():
    system = PySpin.System.GetInstance()
    cam_list = system.GetCameras()
    cam = cam_list[0]
    cam.Init()
    nodemap = cam.GetNodeMap()
    enable = PySpin.CBooleanPtr(nodemap.GetNode("InferenceEnable"))
    files = Files(nodemap)
    enable.SetValue(False)
    files.replace("InferenceNetwork", np.fromfile(sys.argv[1], np.uint8))
    files.select("InferenceNetworkTypeSelector", "Classification")
    enable.SetValue(True)
    enable_chunks(cam, nodemap, ("InferenceFrameId", "InferenceResult", "InferenceConfidence"))
    rows = collect(cam, 40)
    for row in rows[-3:]:
        print("frame %d has the result of %d: class %d, %.3f" % row)
    late = [row for row in rows if row[0] >= 20]
    fine = all(row[1] <= row[0] and 0 <= row[3] <= 1 for row in late)
    of_frames = [row[1] for row in late]
    fine &= of_frames == sorted(of_frames) and of_frames[-1] > 0
    same = {}
    fine &= all(same.setdefault(row[1], row[2:]) == row[2:] for row in late)
    size = PySpin.CIntegerPtr(nodemap.GetNode("InferenceMaxInputSizeX"))
    print("largest input", size.GetValue() if PySpin.IsReadable(size) else "unknown", "results", len(same))
    cam.ChunkModeActive.SetValue(False)
    enable.SetValue(False)
    cam.DeInit()
    del cam
    cam_list.Clear()
    system.ReleaseInstance()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
