"""What all handlers of ControlService share: who may command a camera, and one command at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.api.caller import CALLER
from agent.api.errors import Rejected
from agent.api.moment import Moment
from agent.api.requests import RequestLog
from agent.api.services import Services
from agent.domain.access import Role
from agent.domain.control import CameraControl
from agent.domain.orders import Mode
from agent.errors import BadInput, ModeForbids, NotLocal


class CommandHandlers:
    """Base of the handlers; see Gate for how they are served."""

    def __init__(self, services: Services, requests: RequestLog) -> None:
        self._services = services
        self._requests = requests

    @asynccontextmanager
    async def _commanding(self, camera: CameraControl, etag: str = "") -> AsyncIterator[bool]:
        """Be the only one who commands the camera. Yields whether the command is still to be carried out: False where
        it was before the agent died in it; the answer then tells what is present."""
        async with self._requests.for_camera(camera.name) as fresh, camera.writing(etag if fresh else ""):
            yield fresh

    @asynccontextmanager
    async def _ordering(self, camera: CameraControl, etag: str = "") -> AsyncIterator[bool]:
        """As `_commanding`, for orders: in mode maintenance they come from the machine itself."""
        async with self._commanding(camera, etag) as fresh:
            if fresh and camera.snapshot().orders.mode is Mode.MAINTENANCE and not is_local():
                raise ModeForbids(
                    f"camera {camera.name}: the mode is maintenance, in which it is commanded over the unix socket "
                    "only; leave the mode there first"
                )
            yield fresh

    def _moment(self) -> Moment:
        return Moment.of(self._services.clock)


def is_local() -> bool:
    """Whether the call came over the agent's unix socket."""
    caller = CALLER.get(None)
    return caller is None or caller.local


def local_only(what: str) -> None:
    """Raises NotLocal for a call from elsewhere, Rejected for a local user who is no admin."""
    if not is_local():
        raise NotLocal(f"{what} is for those at the machine itself; use the agent's unix socket")
    admin_only(what)


def admin_only(what: str) -> None:
    """Raises Rejected (PERMISSION_DENIED) for a client of another role."""
    caller = CALLER.get(None)
    if caller is not None and caller.role is not Role.ADMIN:
        raise Rejected("ROLE_TOO_LOW", f"{what} needs role 'admin'; {caller.client!r} has role {caller.role.value!r}")


def no_etag_of_group(group: str, etag: str) -> None:
    """Raises BadInput where both are given: an etag is of one camera."""
    if group and etag:
        raise BadInput("etag", f"is of one camera and cannot be given for group {group!r}; leave it out")
