"""Whether a camera does its work, read from its snapshot: what health checks and the status page call truth."""

from __future__ import annotations

from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import BEFORE_GAP, CameraState


def infers(snapshot: CameraSnapshot) -> bool:
    """A verified network is on the camera and enabled, also while a swap waits for its permit."""
    if snapshot.state is CameraState.SWAPPING:
        return snapshot.verified and snapshot.swap is not None and snapshot.swap.stage in BEFORE_GAP
    return snapshot.verified and snapshot.state is CameraState.ACTIVE


def serves(snapshot: CameraSnapshot, frame_age_s: float) -> bool:
    """It infers, and its last frame is at most `frame_age_s` old."""
    age_s = None if snapshot.health is None else snapshot.health.last_frame_age_s
    return infers(snapshot) and age_s is not None and age_s <= frame_age_s
