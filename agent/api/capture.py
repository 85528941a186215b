"""CaptureImages: the images of a capture as a stream, which is all that becomes of them here."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace

from agent.api import convert_capture
from agent.api.drain import Drain
from agent.api.errors import Rejected, code_of
from agent.api.parse import client_name, seconds_of
from agent.api.requests import canonical_id
from agent.api.services import Services
from agent.api.stalls import Write
from agent.api.trail import Trail
from agent.domain.capture import DEFAULT_EVERY_S, Capture, CaptureAsk
from agent.domain.control import CameraControl
from agent.errors import AgentError, JournalError, Refused
from agent.logs import event, logger
from agent.pb.ofa_agent.v1 import capture_pb2 as pb
from agent.supervisor.operations import told

_log = logger("api")


class CaptureHandlers:
    """One coroutine per RPC; see Gate for how they are served. Owner of the request ids of the captures under way."""

    def __init__(self, services: Services, drain: Drain, heartbeat_s: float) -> None:
        self._services = services
        self._drain = drain
        self._heartbeat_s = heartbeat_s
        self._trail = Trail(services.cameras)
        self._running: set[str] = set()

    async def capture_images(self, request: pb.CaptureImagesRequest, write: Write) -> None:
        entry = self._trail.begun(request, canonical_id(request.request_id))
        try:
            camera = self._services.camera(request.camera)
            capture = self._started(camera, request, entry.request_id)
        except (AgentError, Rejected) as error:
            self._services.journal.note_audit(replace(entry, outcome=code_of(error).name, reason=error.reason))
            raise
        try:
            with closing(capture), self._drain.ending(capture.close):
                self._services.journal.note_audit(self._trail.done(entry))
                await self._stream(camera, capture, write)
        finally:
            self._running.discard(entry.request_id)

    def _started(self, camera: CameraControl, request: pb.CaptureImagesRequest, request_id: str) -> Capture:
        client_name(request.client)
        if request_id in self._running:
            raise Refused(f"the capture of request {request_id} is under way; make up a new request_id for another one")
        every_s = seconds_of(request.min_interval) if request.HasField("min_interval") else DEFAULT_EVERY_S
        timeout_s = seconds_of(request.timeout) if request.HasField("timeout") else None
        capture = camera.start_capture(CaptureAsk(request.label, request.count, every_s, timeout_s))
        if request_id:
            self._running.add(request_id)
        return capture

    async def _stream(self, camera: CameraControl, capture: Capture, write: Write) -> None:
        """The operation's name, then the images; heartbeats while none comes."""
        await self._keep(capture)
        message = convert_capture.response(capture)
        message.operation_name = capture.operation.name
        await write(message)
        while not capture.done:
            try:
                image = await capture.next(self._heartbeat_s)
            except AgentError:
                self._drain.check()  # the agent ends: that is what the client has to know
                raise
            message = convert_capture.response(capture)
            if image is None:
                message.heartbeat = True
            else:
                catalogue = camera.catalogue()
                message.image.CopyFrom(convert_capture.image(image, catalogue.labels if catalogue else ()))
            await write(message)

    async def _keep(self, capture: Capture) -> None:
        """Whoever hears of the operation can ask for it after a crash too; images come though it cannot be kept."""
        try:
            await self._services.journal.put_operation(told(capture.operation))
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", operation=capture.operation.name, error=error)
