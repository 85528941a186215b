"""Cameras and their profiles without configuring anything: what `camera list` and `camera dump` show."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.camera.profile import Profile, read_profile
from agent.camera.sdk import CameraPtr
from agent.camera.session import Session, SystemOwner, open_session
from agent.camera.settings import Timing
from agent.camera.vendor_errors import clear_frames, translate
from agent.clock import Clock
from agent.errors import BadInput, CameraError

FORMAT = "ofa-agent.camera-profile/1"
MAPS = ("nodes", "tl_device", "tl_stream")
# A person waits: a camera that somebody else owns is said to be so at once.
HASTY = Timing(init_attempts=2, init_backoff_s=0.2)


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """What enumeration shows of a camera, opened or not; None where the transport layer does not tell."""

    serial: str
    model: str
    vendor: str | None
    version: str | None
    speed: str | None
    access: str | None


@dataclass(frozen=True, slots=True)
class CameraProfile:
    """A dump: identity and every node of the three maps."""

    identity: dict[str, str]
    nodes: Profile
    tl_device: Profile
    tl_stream: Profile

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"format": FORMAT, "identity": self.identity, **{name: getattr(self, name) for name in MAPS}}

    @classmethod
    def from_plain(cls, plain: Any, source: str) -> CameraProfile:
        """From `to_plain`; raises BadInput naming `source`."""
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            raise BadInput(source, f"is no camera profile ({FORMAT}); make one with `camera dump`")
        parts = {name: plain.get(name) for name in ("identity", *MAPS)}
        for name, part in parts.items():
            if not isinstance(part, dict) or (
                name in MAPS and not all(isinstance(node, dict) for node in part.values())
            ):
                raise BadInput(source, f"{name} is not a mapping of nodes")
        return cls(**parts)  # type: ignore[arg-type]


def list_cameras(owner: SystemOwner, clock: Clock, guard: Guard) -> tuple[FoundCamera, ...]:
    """Every camera on the bus, by serial number; raises a CameraError."""
    owner.acquire(guard)
    try:
        return tuple(sorted(owner.survey(lambda camera: _look(owner, camera), guard), key=lambda one: one.serial))
    finally:
        owner.release(Guard(clock, "release the system", HASTY.close_wait_s))


def dump_profile(owner: SystemOwner, clock: Clock, guard: Guard, serial: str) -> CameraProfile:
    """Open the camera, read its nodes, close it; no setting is touched. Raises a CameraError."""
    session = open_session(owner, serial, guard, clock, HASTY)
    try:
        return read_camera(owner, session)
    except BaseException as exc:
        clear_frames(exc)
        raise
    finally:
        session.close()
        owner.release(Guard(clock, "release the system", HASTY.close_wait_s))


def read_camera(owner: SystemOwner, session: Session) -> CameraProfile:
    """The profile of an opened camera."""
    nodes, camera = session.nodes, session.pointer
    identity = {
        "serial": nodes.try_string("DeviceSerialNumber") or "",
        "model": nodes.try_string("DeviceModelName") or "unknown",
        "firmware": nodes.try_string("DeviceFirmwareVersion") or "unknown",
        "sdk_version": session.sdk_version,
    }
    try:
        return CameraProfile(
            identity,
            read_profile(owner.sdk, camera.GetNodeMap()),
            read_profile(owner.sdk, camera.GetTLDeviceNodeMap()),
            read_profile(owner.sdk, camera.GetTLStreamNodeMap()),
        )
    except owner.sdk.SpinnakerException as exc:
        raise translate(exc, f"camera {identity['serial']}: read its nodes") from exc


def _look(owner: SystemOwner, camera: CameraPtr) -> FoundCamera:
    nodes = Nodes(owner.sdk, camera.GetTLDeviceNodeMap(), "found")
    try:
        return FoundCamera(
            serial=nodes.try_string("DeviceSerialNumber") or "unknown",
            model=nodes.try_string("DeviceModelName") or "unknown",
            vendor=nodes.try_string("DeviceVendorName"),
            version=nodes.try_string("DeviceVersion"),
            speed=_entry(nodes, "DeviceCurrentSpeed"),
            access=_entry(nodes, "DeviceAccessStatus"),
        )
    finally:
        nodes.forget()


def _entry(nodes: Nodes, name: str) -> str | None:
    if nodes.readable(name):
        with suppress(CameraError):
            return nodes.get_enum(name)
    return None
