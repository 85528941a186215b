"""Captured images into messages."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from agent.api import convert
from agent.api.moment import timestamp
from agent.domain.capture import Capture, CapturedImage
from agent.domain.operation import CaptureWork
from agent.pb.ofa_agent.v1 import capture_pb2 as pb

MEDIA_TYPE = "image/png"
AGENT_VERSION = metadata.version("ofa-agent")


def response(capture: Capture) -> pb.CaptureImagesResponse:
    """A message without content: how far the capture is."""
    work = capture.operation.work
    if not isinstance(work, CaptureWork):
        raise AssertionError(f"{capture.operation.name} is no capture")
    return pb.CaptureImagesResponse(missed=work.missed, taken=work.taken, wanted=work.wanted)


def image(value: CapturedImage, labels: Sequence[str]) -> pb.CapturedImage:
    """`labels` name the classes of the result."""
    picture = value.picture
    height, width = picture.pixels.shape[:2]
    return pb.CapturedImage(
        sequence=value.sequence,
        camera=value.camera,
        serial=picture.serial,
        label=value.label,
        data=value.png,
        content_type=MEDIA_TYPE,
        captured_at=timestamp(value.captured_wall_ns),
        captured_ns=picture.captured_ns,
        frame_id=picture.frame_id,
        part=picture.part,
        width=width,
        height=height,
        offset_x=picture.offset_x,
        offset_y=picture.offset_y,
        pixel_format=picture.pixel_format,
        exposure_us=picture.exposure_us,
        gain_db=picture.gain_db,
        subnet_id=value.subnet_id,
        generation=picture.generation,
        result=None if value.result is None else convert.result(value.result, labels),
        agent_version=AGENT_VERSION,
    )
