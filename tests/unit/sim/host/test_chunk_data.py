"""Chunk data and bounding boxes (facts/pyspin-surface.md 3.2; facts/firefly-dl.md section 2, S12, S15, S18)."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from agent.sim.chunks import Box, Frame, FrameSettings, Geometry, NoResult
from agent.sim.host.chunk_data import ChunkData, FrameLease, pack_boxes
from agent.sim.spec import Quirks, SceneSpec, SimulationSpec
from tests.support.vendor import LocalBench, bench

BOXES = (Box(3, 0.75, -5, 10, 640, 400), Box(1, 0.5, 0, 0, 40_000, 1))
CHUNKS = (
    "FrameID", "Timestamp", "ExposureTime", "Gain", "BlackLevel", "Width", "Height", "OffsetX", "OffsetY",
    "PixelFormat", "InferenceFrameId", "InferenceResult", "InferenceConfidence", "InferenceBoundingBoxResult",
)  # fmt: skip
SETTINGS = FrameSettings(Geometry(640, 400, 8, 4, "Mono16"), frozenset(CHUNKS), 5000.0, 12.5, 1.25)
GETTERS = {
    "GetFrameID": 7, "GetTimestamp": 123_456, "GetExposureTime": 5000.0, "GetGain": 12.5, "GetBlackLevel": 1.25,
    "GetWidth": 640, "GetHeight": 400, "GetOffsetX": 8, "GetOffsetY": 4, "GetPixelFormat": PySpin.PixelFormat_Mono16,
    "GetInferenceFrameId": 5, "GetInferenceResult": 2, "GetInferenceConfidence": 0.5,
}  # fmt: skip
ABSENT = (
    "GetSequencerSetActive", "GetLineStatusAll", "GetCounterValue", "GetTimerValue", "GetSerialDataLength",
    "GetExposureEndLineStatusAll", "GetCRC", "GetImage",
)  # fmt: skip


def lease(settings: FrameSettings) -> FrameLease:
    return FrameLease(Frame(7, 123_456, settings, NoResult(5, 2, 0.5, BOXES), None))


def test_getters_give_the_values_of_the_frame_in_their_types() -> None:
    chunk = ChunkData(lease(SETTINGS))
    for getter, expected in GETTERS.items():
        value = getattr(chunk, getter)()
        assert value == expected, getter
        assert type(value) is type(expected), getter


def test_a_chunk_that_is_off_reads_nothing() -> None:
    chunk = ChunkData(lease(replace(SETTINGS, chunks=frozenset({"Image"}))))
    assert {getattr(chunk, getter)() for getter in (*GETTERS, *ABSENT)} == {0}
    assert chunk.GetInferenceBoundingBoxResult().GetBoxCount() == 0


def test_a_chunk_that_is_off_raises_where_the_camera_is_strict() -> None:
    chunk = ChunkData(lease(replace(SETTINGS, chunks=frozenset({"FrameID"}), strict_chunks=True)))
    assert chunk.GetFrameID() == 7
    for getter in ("GetGain", "GetInferenceResult", "GetInferenceBoundingBoxResult", *ABSENT):
        with pytest.raises(PySpin.SpinnakerException, match="-1008"):
            getattr(chunk, getter)()


def test_boxes_have_the_fields_of_the_header_s15() -> None:
    result = ChunkData(lease(SETTINGS)).GetInferenceBoundingBoxResult()
    assert type(result) is PySpin.InferenceBoundingBoxResult
    assert (result.GetBoxCount(), result.GetVersion(), result.GetBoxSize()) == (2, 1, 20)
    first, second = result.GetBoxAt(0), result.GetBoxAt(1)
    assert (first.boxType, first.classId, first.confidence) == (PySpin.INFERENCE_BOX_TYPE_RECTANGLE, 3, 0.75)
    rect = first.rect
    assert (rect.topLeftXCoord, rect.topLeftYCoord, rect.bottomRightXCoord, rect.bottomRightYCoord) == (
        -5,
        10,
        640,
        400,
    )
    assert second.rect.bottomRightXCoord == 32767
    assert (first.circle.centerXCoord, first.circle.radius, first.rotatedRect.rotationAngle) == (0, 0, 0)
    with pytest.raises(PySpin.SpinnakerException, match="-1017"):
        result.GetBoxAt(2)
    for wrong in (-1, 0.0, None):
        with pytest.raises(TypeError):
            result.GetBoxAt(wrong)  # type: ignore[arg-type]


def test_the_register_carries_the_same_boxes() -> None:
    packed = pack_boxes(NoResult(5, 2, 0.5, BOXES))
    version, size, count = struct.unpack_from("<bbh", packed)
    assert (version, size, count) == (1, 20, 2)
    kind, class_id, confidence, *corners = struct.unpack_from("<hhfhhhh", packed, 4)
    assert (kind, class_id, confidence, corners) == (0, 3, 0.75, [-5, 10, 640, 400])
    assert len(packed) == 4 + 2 * size


def enable(camera: LocalBench, *names: str) -> None:
    camera.flag("ChunkModeActive").SetValue(True)
    for name in names:
        camera.choose("ChunkSelector", name)
        camera.flag("ChunkEnable").SetValue(True)


def test_chunk_data_ends_with_its_image() -> None:
    with bench() as camera:
        enable(camera, "FrameID")
        camera.camera.BeginAcquisition()
        image = camera.camera.GetNextImage(1000)
        chunk = image.GetChunkData()
        assert chunk.GetFrameID() == 0
        assert image.GetChunkLayoutId() == 1
        image.Release()
        for ask in (chunk.GetFrameID, chunk.GetGain, chunk.GetInferenceBoundingBoxResult):
            with pytest.raises(PySpin.SpinnakerException, match="-1006"):
                ask()


def test_line_levels_are_those_at_the_end_of_exposure() -> None:
    """Line0 is the part sensor: its pulse outlives the exposure that it starts, and Line2 is low on a moving line."""
    with bench(SimulationSpec(scene=SceneSpec(parts_per_minute=600))) as camera:
        enable(camera, "ExposureEndLineStatusAll", "InferenceBoundingBoxResult")
        seen = []
        for source in ("Line0", "Software"):
            camera.trigger_on(source)
            camera.camera.BeginAcquisition()
            if source == "Software":
                camera.device.set_line(0.0)
                PySpin.CCommandPtr(camera.nodes.GetNode("TriggerSoftware")).Execute()
            image = camera.camera.GetNextImage(1000)
            levels = image.GetChunkData().GetExposureEndLineStatusAll()
            assert camera.integer("ChunkExposureEndLineStatusAll").GetValue() == levels
            seen.append(levels)
            image.Release()
            camera.camera.EndAcquisition()
        assert [levels & 0b101 for levels in seen] == [0b001, 0b100]


def test_chunk_data_that_are_kept_hold_no_buffer() -> None:
    with bench() as camera:
        enable(camera, "FrameID")
        camera.camera.BeginAcquisition()
        kept = [camera.camera.GetNextImage(1000).GetChunkData() for _ in range(15)]
        assert [chunk.GetFrameID() for chunk in kept] == list(range(15))
        assert camera.camera.GetNumImagesInUse() == 0


def test_the_node_map_shows_the_boxes_of_the_last_image() -> None:
    with bench() as camera:
        enable(camera, "InferenceBoundingBoxResult")
        camera.camera.BeginAcquisition()
        image = camera.camera.GetNextImage(1000)
        assert image.GetChunkData().GetInferenceBoundingBoxResult().GetBoxCount() == 0
        register = PySpin.CRegisterPtr(camera.nodes.GetNode("ChunkInferenceBoundingBoxResult"))
        assert register.Get(4).tolist() == [1, 20, 0, 0]
        image.Release()


def test_the_strict_quirk_reaches_images_of_the_camera() -> None:
    with bench(SimulationSpec(quirks=Quirks(disabled_chunk_raises=True))) as camera:
        enable(camera, "FrameID")
        camera.camera.BeginAcquisition()
        chunk = camera.camera.GetNextImage(1000).GetChunkData()
        assert chunk.GetFrameID() == 0
        with pytest.raises(PySpin.SpinnakerException, match="Gain"):
            chunk.GetGain()


def test_created_images_have_no_chunks_and_no_crc() -> None:
    image = PySpin.Image.Create(2, 1, 0, 0, PySpin.PixelFormat_Mono8, np.zeros(2, np.uint8))
    for ask in (image.GetChunkData, image.CheckCRC):
        with pytest.raises(PySpin.SpinnakerException, match="-1008"):
            ask()
