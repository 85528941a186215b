"""The public states of a camera and the legal transitions between them.

DISCONNECTED ──► CONNECTING ──► IDLE ──► SWAPPING ──► ACTIVE
     ▲               │           ▲        │   ▲         │
     │               ▼           │        ▼   └─────────┤
     └────────── FAULTED ◄───────┴── (any failure       │
                     ▲               without a          │
                     └───────────────good network) ◄────┘

DISCONNECTED → CONNECTING
CONNECTING → IDLE, SWAPPING, ACTIVE, FAULTED, DISCONNECTED
IDLE → SWAPPING, FAULTED, DISCONNECTED
SWAPPING → ACTIVE, IDLE, FAULTED, DISCONNECTED
ACTIVE → SWAPPING, IDLE, FAULTED, DISCONNECTED
FAULTED → CONNECTING, DISCONNECTED
"""

from __future__ import annotations

from enum import Enum


class CameraState(Enum):
    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    IDLE = "IDLE"
    SWAPPING = "SWAPPING"
    ACTIVE = "ACTIVE"
    FAULTED = "FAULTED"


class SwapStage(Enum):
    """Where a swap is; NONE outside of one."""

    NONE = "NONE"
    PREPARING = "PREPARING"
    WAITING_PERMIT = "WAITING_PERMIT"
    STOPPING = "STOPPING"
    UPLOADING = "UPLOADING"
    ACTIVATING = "ACTIVATING"
    VERIFYING = "VERIFYING"
    ROLLING_BACK = "ROLLING_BACK"


BEFORE_GAP = frozenset({SwapStage.PREPARING, SwapStage.WAITING_PERMIT})  # the old network still infers


class Degraded(Enum):
    """Why an ACTIVE camera is not as wanted; stable strings."""

    OVER_BUDGET = "over_budget"
    INFEASIBLE = "infeasible"
    ROLLED_BACK = "rolled_back"
    THROTTLED = "throttled"
    STALE_PROFILE = "stale_profile"
    RETIRED = "retired"
    UNVERIFIED_IMAGE = "no_self_test"


_S = CameraState
TRANSITIONS: dict[CameraState, frozenset[CameraState]] = {
    _S.DISCONNECTED: frozenset({_S.CONNECTING}),
    _S.CONNECTING: frozenset({_S.IDLE, _S.SWAPPING, _S.ACTIVE, _S.FAULTED, _S.DISCONNECTED}),
    _S.IDLE: frozenset({_S.SWAPPING, _S.FAULTED, _S.DISCONNECTED}),
    _S.SWAPPING: frozenset({_S.ACTIVE, _S.IDLE, _S.FAULTED, _S.DISCONNECTED}),
    _S.ACTIVE: frozenset({_S.SWAPPING, _S.IDLE, _S.FAULTED, _S.DISCONNECTED}),
    _S.FAULTED: frozenset({_S.CONNECTING, _S.DISCONNECTED}),
}
