"""What the handlers serve, and the rule by which a request names a camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.api.errors import Rejected
from agent.api.reasons import RejectionReason
from agent.clock import Clock
from agent.domain.alarms import AlarmBook
from agent.domain.control import CameraControl
from agent.domain.journal import Journal
from agent.domain.reload import Reloading
from agent.errors import BadInput


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the transport; `cameras` and `groups` of them by their names in the configuration."""

    cameras: Mapping[str, CameraControl]
    journal: Journal
    clock: Clock
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alarms: AlarmBook | None = None  # None: those in the journal are all there are
    config: Reloading | None = None  # None: there is no file to reload

    @property
    def book(self) -> AlarmBook:
        """Where alarms are listed and acknowledged."""
        return self.journal if self.alarms is None else self.alarms

    def named(self, camera: str, group: str) -> list[CameraControl]:
        """The cameras of that group, or the one camera; raises as `camera` does, and where both are given."""
        if not group:
            return [self.camera(camera)]
        if camera:
            raise BadInput("group", f"{group!r} and camera {camera!r} are both given; give one of them")
        members = self.groups.get(group)
        if members is None:
            known = ", ".join(sorted(self.groups)) or "none"
            raise not_found("GROUP_NOT_FOUND", f"group {group!r} is not configured; configured: {known}")
        return [self.cameras[name] for name in members]

    def camera(self, name: str) -> CameraControl:
        """The camera of that name; the only one there is where the name is empty.

        Raises BadInput where an empty name could mean several, Rejected (NOT_FOUND) where there is none of that name.
        """
        if not name and len(self.cameras) == 1:
            return next(iter(self.cameras.values()))
        if not name and self.cameras:
            raise BadInput("camera", f"not given; name one of {', '.join(sorted(self.cameras))}")
        found = self.cameras.get(name)
        if found is None:
            known = ", ".join(sorted(self.cameras)) or "none"
            raise not_found("CAMERA_NOT_FOUND", f"camera {name!r} is not configured; configured: {known}")
        return found


def not_found(reason: RejectionReason, message: str) -> Rejected:
    """The answer for something that a request names and that is not there."""
    return Rejected(reason, message)
