"""Acquisition settings, chunks and stream buffers on the camera's nodes (facts/firefly-dl.md 1.3 and 1.5)."""

from __future__ import annotations

from contextlib import suppress

from agent.camera import lines
from agent.camera.frames import Task
from agent.camera.nodes import Nodes
from agent.camera.settings import CameraSettings, Roi
from agent.errors import CameraRefused

_INFERENCE_CHUNKS: dict[Task, tuple[str, ...]] = {
    "classification": ("InferenceFrameId", "InferenceResult", "InferenceConfidence"),
    "detection": ("InferenceFrameId", "InferenceBoundingBoxResult"),
}
_ALL_INFERENCE_CHUNKS = ("InferenceFrameId", "InferenceResult", "InferenceConfidence", "InferenceBoundingBoxResult")
_RATE_SLACK = 1.05
_ACTIVATION = {"rising": "RisingEdge", "falling": "FallingEdge"}


def apply(nodes: Nodes, settings: CameraSettings) -> None:
    """Bring the camera from any state to `settings`; `stop_leftover` goes before it."""
    if settings.user_set is not None:
        nodes.set_enum("UserSetSelector", settings.user_set)
        nodes.execute("UserSetLoad")
    injection_off(nodes)
    nodes.set_enum("TriggerMode", "Off")
    nodes.set_enum("AcquisitionMode", "Continuous")
    nodes.set_enum("PixelFormat", settings.pixel_format)
    if nodes.has_entry("DeviceTemperatureSelector", "Sensor"):
        nodes.set_enum("DeviceTemperatureSelector", "Sensor")
    set_roi(nodes, settings.roi)
    _set_exposure(nodes, settings)
    lines.make_inputs(nodes, settings.input_lines)
    apply_trigger(nodes, settings)


def stop_leftover(nodes: Nodes) -> None:
    """A host that died may have left the camera acquiring, which locks most nodes."""
    if nodes.writable("AcquisitionStop"):
        with suppress(CameraRefused):
            nodes.execute("AcquisitionStop")


def injection_off(nodes: Nodes) -> None:
    """The sensor again, whatever a self test of a dead host left (facts 1.5, test injection)."""
    if nodes.readable("TestPattern"):
        nodes.set_enum("TestPattern", "Off")
    if nodes.readable("TestPatternGeneratorSelector"):
        nodes.set_enum("TestPatternGeneratorSelector", "Sensor")


def set_roi(nodes: Nodes, roi: Roi | None, sensor: tuple[int, int] | None = None) -> tuple[int, int]:
    """The width and height that were set; of the whole sensor without a `roi`, as in `sensor` where that is known.

    Offsets first to 0: the maximum of a size shrinks with its offset (facts/pyspin-surface.md 2.3).
    """
    nodes.set_int("OffsetX", 0)
    nodes.set_int("OffsetY", 0)
    size = (sensor or (nodes.int_max("Width"), nodes.int_max("Height"))) if roi is None else (roi.width, roi.height)
    nodes.set_int("Width", size[0])
    nodes.set_int("Height", size[1])
    if roi is not None:
        nodes.set_int("OffsetX", roi.x)
        nodes.set_int("OffsetY", roi.y)
    return size


def trigger_off(nodes: Nodes) -> None:
    nodes.set_enum("TriggerMode", "Off")


def apply_trigger(nodes: Nodes, settings: CameraSettings) -> None:
    """Selector, source, then mode: the vendor's order (facts 1.5). Off for free-running acquisition."""
    nodes.set_enum("TriggerMode", "Off")
    if settings.inference_sync == "every_frame":
        _trigger_on(nodes, "InferenceReady")
    elif settings.triggered:
        source = settings.trigger.source
        if source != "software" and nodes.writable("TriggerActivation"):
            nodes.set_enum("TriggerActivation", _ACTIVATION[settings.trigger.activation])
        _trigger_on(nodes, "Software" if source == "software" else source)


def enable_chunks(nodes: Nodes, task: Task, settings: CameraSettings) -> None:
    """Frame id and the results of `task`; chunks cannot be changed once acquisition has started (S6)."""
    wanted = {"FrameID", *_INFERENCE_CHUNKS[task]}
    optional = {"Timestamp"}
    if settings.timestamps == "exposure_start":
        wanted.add("ExposureTime")
    nodes.set_bool("ChunkModeActive", True)
    for name in sorted(wanted | optional):
        if name in wanted or nodes.has_entry("ChunkSelector", name):
            _set_chunk(nodes, name, True)
    for name in _ALL_INFERENCE_CHUNKS:
        if name not in wanted and nodes.has_entry("ChunkSelector", name):
            _set_chunk(nodes, name, False)


def configure_buffers(stream_nodes: Nodes, buffers: int) -> None:
    """Oldest first: a result is never jumped over, and a backlog shows as latency instead of as lost parts."""
    for name, entry in (("StreamBufferCountMode", "Manual"), ("StreamBufferHandlingMode", "OldestFirst")):
        if stream_nodes.writable(name) and stream_nodes.has_entry(name, entry):
            stream_nodes.set_enum(name, entry)
    if stream_nodes.writable("StreamBufferCountManual"):
        low, high = stream_nodes.int_range("StreamBufferCountManual")
        stream_nodes.set_int("StreamBufferCountManual", max(low, min(high, buffers)))


def _set_exposure(nodes: Nodes, settings: CameraSettings) -> None:
    """A node is writable only with its automatic off (facts/pyspin-surface.md 2.3)."""
    nodes.set_enum("ExposureAuto", "Continuous" if settings.exposure_us is None else "Off")
    if settings.exposure_us is not None:
        nodes.set_float("ExposureTime", settings.exposure_us)
    nodes.set_enum("GainAuto", "Continuous" if settings.gain_db is None else "Off")
    if settings.gain_db is not None:
        nodes.set_float("Gain", settings.gain_db)
    if settings.frame_rate is not None:
        nodes.set_bool("AcquisitionFrameRateEnable", True)
        # The data sheet's round rate may lie just above what the present exposure and link allow.
        highest = nodes.float_range("AcquisitionFrameRate")[1]
        rate = (
            min(settings.frame_rate, highest) if settings.frame_rate <= highest * _RATE_SLACK else settings.frame_rate
        )
        nodes.set_float("AcquisitionFrameRate", rate)


def _trigger_on(nodes: Nodes, source: str) -> None:
    nodes.set_enum("TriggerSelector", "FrameStart")
    nodes.set_enum("TriggerSource", source)
    nodes.set_enum("TriggerMode", "On")


def _set_chunk(nodes: Nodes, name: str, on: bool) -> None:
    """Written only where it differs: some chunks are always on and read-only (facts 1.3)."""
    nodes.set_enum("ChunkSelector", name)
    if nodes.get_bool("ChunkEnable") != on:
        nodes.set_bool("ChunkEnable", on)
