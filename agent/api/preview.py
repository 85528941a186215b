"""GetPreview: a small picture of what a camera sees now."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from agent.api import convert
from agent.api.drain import Drain
from agent.api.moment import timestamp
from agent.api.services import Services
from agent.domain.preview import Preview, preview_width
from agent.pb.ofa_agent.v1 import status_pb2

MEDIA_TYPE = "image/jpeg"


async def get_preview(
    services: Services, drain: Drain, request: status_pb2.GetPreviewRequest
) -> status_pb2.GetPreviewResponse:
    """Waits for a frame, but not beyond the end of the server."""
    camera = services.camera(request.camera)
    max_width = preview_width(request.max_width)
    preview = None
    with anyio.CancelScope() as waiting, drain.ending(waiting.cancel):
        preview = await camera.preview(max_width)
    if preview is None:
        drain.check()
        raise AssertionError("only the end of the server takes the wait back")
    catalogue = camera.catalogue()
    return _response(preview, catalogue.labels if catalogue else ())


def _response(value: Preview, labels: Sequence[str]) -> status_pb2.GetPreviewResponse:
    """`labels` name the classes of the result."""
    jpeg = value.jpeg
    return status_pb2.GetPreviewResponse(
        camera=value.camera,
        data=jpeg.body,
        content_type=MEDIA_TYPE,
        width=jpeg.width,
        height=jpeg.height,
        frame_width=jpeg.frame_width,
        frame_height=jpeg.frame_height,
        frame_id=jpeg.frame_id,
        part=jpeg.part,
        captured_at=timestamp(value.captured_wall_ns),
        captured_ns=jpeg.captured_ns,
        subnet_id=value.subnet_id,
        generation=jpeg.generation,
        result=None if value.result is None else convert.result(value.result, labels),
    )
