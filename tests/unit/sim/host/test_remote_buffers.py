"""Stream buffers of a camera in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sim import pyspin as PySpin
from agent.sim.remote import RemoteBusDevice
from tests.support.vendor import Bench, remote_bench

REPOSITORY = Path(__file__).resolve().parents[4]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "spec.json").write_text(json.dumps({"transport": {"swap_overhead_s": 0.0}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.sim.server", "--socket", tmp_path / "cam", "--spec", tmp_path / "spec.json"],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"READY\n"
        with remote_bench(RemoteBusDevice(tmp_path / "cam")) as held:
            yield held
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_buffers_come_back_over_the_socket_and_are_counted(camera: Bench) -> None:
    stream = camera.camera.TLStream
    stream.StreamBufferCountMode.FromString("Manual")
    stream.StreamBufferCountManual.SetValue(2)
    camera.trigger_on("Software")
    camera.camera.BeginAcquisition()
    trigger = PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware"))

    def grab() -> PySpin.ImagePtr:
        trigger.Execute()
        return camera.camera.GetNextImage(5000)

    held = [grab() for _ in range(2)]
    assert stream.StreamInputBufferCount.GetValue() == 0
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(1)
    held[0].Release()
    assert stream.StreamInputBufferCount.GetValue() == 1
    held[1] = grab()
    assert stream.StreamInputBufferCount.GetValue() == 1
    assert (stream.StreamDeliveredFrameCount.GetValue(), stream.StreamLostFrameCount.GetValue()) == (3, 0)
    held.clear()
    camera.camera.EndAcquisition()
    assert stream.StreamDeliveredFrameCount.GetValue() == 3


def test_chunks_come_over_the_socket(camera: Bench) -> None:
    camera.flag("ChunkModeActive").SetValue(True)
    for name in ("FrameID", "ExposureEndLineStatusAll", "InferenceBoundingBoxResult"):
        camera.choose("ChunkSelector", name)
        camera.flag("ChunkEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    image = camera.camera.GetNextImage(5000)
    chunk = image.GetChunkData()
    assert chunk.GetFrameID() == image.GetFrameID()
    assert chunk.GetExposureEndLineStatusAll() & 0b100 == 0
    assert chunk.GetInferenceBoundingBoxResult().GetBoxCount() == 0
    image.Release()
