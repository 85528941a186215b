"""grpc.health.v1, read from the cameras' snapshots at the moment of the question, so that it cannot be stale.

`camera/NAME` is SERVING while a verified network infers on that camera (also while a swap waits for its permit) and
frames flow; the empty name while all cameras are and there is at least one; the agent's services while it is up.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from agent.api.drain import Drain
from agent.api.services import Services, not_found
from agent.api.stalls import Write
from agent.domain.control import Feed
from agent.domain.serving import serves
from agent.domain.snapshot import CameraSnapshot
from agent.supervisor.feed import Broadcast

CAMERA = "camera/"
QUIET_S = 3600.0  # watchers get no heartbeats: the protocol has none
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]


class HealthHandlers:
    """One coroutine per RPC of the service; see Gate for how they are served.

    Frames count as flowing while the last is at most `frame_age_s` old; watchers hear of a change within `poll_s`.
    """

    def __init__(
        self, services: Services, drain: Drain, own_services: tuple[str, ...], frame_age_s: float, poll_s: float
    ) -> None:
        self._services = services
        self._drain = drain
        self._own_services = own_services
        self._frame_age_s = frame_age_s
        self._looks = _Looks(self, poll_s)

    async def check(self, request: Any) -> Message:
        serving = self.serving(request.service)
        if serving is None:
            raise not_found("SERVICE_NOT_FOUND", f"{request.service!r} is neither a service nor camera/NAME")
        return _answer(serving)

    async def list(self, _request: Any) -> Message:
        names = ["", *self._own_services, *(CAMERA + name for name in sorted(self._services.cameras))]
        statuses = {name: _answer(self.serving(name)) for name in names}
        answer: Message = health_pb2.HealthListResponse(statuses=statuses)
        return answer

    async def watch(self, request: Any, write: Write) -> None:
        with closing(self._looks.subscribe(request.service)) as feed, self._drain.ending(feed.close):
            while True:
                answer = await feed.next(QUIET_S)
                self._drain.check()
                if answer is not None:
                    await write(answer)

    def serving(self, name: str) -> bool | None:
        """Whether that service serves; None where there is none of that name."""
        if name.startswith(CAMERA):
            camera = self._services.cameras.get(name.removeprefix(CAMERA))
            return None if camera is None else self._up(camera.snapshot())
        if name:
            return True if name in self._own_services else None
        cameras = self._services.cameras.values()
        return bool(cameras) and all(self._up(camera.snapshot()) for camera in cameras)

    def _up(self, snapshot: CameraSnapshot) -> bool:
        return serves(snapshot, self._frame_age_s)


class _Looks:
    """One look at each watched service every `poll_s`, however many watch it. Owner of the timer, while any do."""

    def __init__(self, handlers: HealthHandlers, poll_s: float) -> None:
        self._handlers = handlers
        self._poll_s = poll_s
        self._watched: dict[str, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, service: str) -> Feed[Message]:
        """The answer of that service now, and whenever it has changed."""
        answer = _answer(self._handlers.serving(service))
        watched = self._watched.get(service)
        if watched is None:
            watched = self._watched[service] = _Watched(answer)
        self._tell(watched, answer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._poll_s, self._look)
        return watched.feed.subscribe(1, first=answer)

    def _look(self) -> None:
        self._watched = {service: watched for service, watched in self._watched.items() if watched.feed.readers}
        self._timer = None
        if self._watched:
            self._timer = asyncio.get_running_loop().call_later(self._poll_s, self._look)
        for service, watched in self._watched.items():
            self._tell(watched, _answer(self._handlers.serving(service)))

    def _tell(self, watched: _Watched, answer: Message) -> None:
        if answer != watched.told:
            watched.told = answer
            watched.feed.publish(answer)


@dataclass(slots=True)
class _Watched:
    """A service that somebody watches, and what all who do were told."""

    told: Message
    feed: Broadcast[Message] = field(default_factory=Broadcast)


def _answer(serving: bool | None) -> Message:
    known = "SERVING" if serving else "NOT_SERVING"
    answer: Message = health_pb2.HealthCheckResponse(status="SERVICE_UNKNOWN" if serving is None else known)
    return answer
