"""The domain's choices and the wire's, side by side; a test holds them complete."""

from __future__ import annotations

from agent.domain.budget import ClaimKind, Priority
from agent.domain.decision import Action
from agent.domain.journal import SwapOutcome
from agent.domain.notice import ChangeState
from agent.domain.operation import ProfileStage
from agent.domain.orders import Mode
from agent.domain.reload import ReloadClass
from agent.domain.snapshot import ComingCause, Proof
from agent.domain.states import CameraState, SwapStage
from agent.pb.ofa_agent.v1 import config_pb2, profile_pb2, types_pb2

CLAIM_KINDS = {
    ClaimKind.MANUAL: types_pb2.CLAIM_KIND_MANUAL,
    ClaimKind.LEASE: types_pb2.CLAIM_KIND_LEASE,
    ClaimKind.MAINTENANCE: types_pb2.CLAIM_KIND_MAINTENANCE,
    ClaimKind.LOCAL_OVERRIDE: types_pb2.CLAIM_KIND_LOCAL_OVERRIDE,
}
MODES = {
    Mode.AUTO: types_pb2.MODE_AUTO,
    Mode.MANUAL: types_pb2.MODE_MANUAL,
    Mode.MAINTENANCE: types_pb2.MODE_MAINTENANCE,
}
PRIORITIES = {
    Priority.DEFAULT: types_pb2.BUDGET_PRIORITY_DEFAULT,
    Priority.SCHEDULE: types_pb2.BUDGET_PRIORITY_SCHEDULE,
    Priority.LEASE: types_pb2.BUDGET_PRIORITY_LEASE,
    Priority.MANUAL: types_pb2.BUDGET_PRIORITY_MANUAL,
    Priority.MAINTENANCE: types_pb2.BUDGET_PRIORITY_MAINTENANCE,
    Priority.LOCAL_OVERRIDE: types_pb2.BUDGET_PRIORITY_LOCAL_OVERRIDE,
}
ACTIONS = {
    Action.KEEP: types_pb2.DECISION_ACTION_KEEP,
    Action.SWAP: types_pb2.DECISION_ACTION_SWAP,
    Action.HOLD: types_pb2.DECISION_ACTION_HOLD,
    Action.NONE: types_pb2.DECISION_ACTION_NONE,
}
STATES = {
    CameraState.DISCONNECTED: types_pb2.CAMERA_STATE_DISCONNECTED,
    CameraState.CONNECTING: types_pb2.CAMERA_STATE_CONNECTING,
    CameraState.IDLE: types_pb2.CAMERA_STATE_IDLE,
    CameraState.SWAPPING: types_pb2.CAMERA_STATE_SWAPPING,
    CameraState.ACTIVE: types_pb2.CAMERA_STATE_ACTIVE,
    CameraState.FAULTED: types_pb2.CAMERA_STATE_FAULTED,
}
STAGES = {
    SwapStage.NONE: types_pb2.SWAP_STAGE_UNSPECIFIED,
    SwapStage.PREPARING: types_pb2.SWAP_STAGE_PREPARING,
    SwapStage.WAITING_PERMIT: types_pb2.SWAP_STAGE_WAITING_PERMIT,
    SwapStage.STOPPING: types_pb2.SWAP_STAGE_STOPPING,
    SwapStage.UPLOADING: types_pb2.SWAP_STAGE_UPLOADING,
    SwapStage.ACTIVATING: types_pb2.SWAP_STAGE_ACTIVATING,
    SwapStage.VERIFYING: types_pb2.SWAP_STAGE_VERIFYING,
    SwapStage.ROLLING_BACK: types_pb2.SWAP_STAGE_ROLLING_BACK,
}
PROOFS = {
    Proof.GOLDEN_IMAGES: types_pb2.PROOF_GOLDEN_IMAGES,
    Proof.PROPERTIES: types_pb2.PROOF_PROPERTIES,
}
SWAP_OUTCOMES = {
    SwapOutcome.RUNNING: types_pb2.SWAP_OUTCOME_RUNNING,
    SwapOutcome.VERIFIED: types_pb2.SWAP_OUTCOME_VERIFIED,
    SwapOutcome.ROLLED_BACK: types_pb2.SWAP_OUTCOME_ROLLED_BACK,
    SwapOutcome.FAULTED: types_pb2.SWAP_OUTCOME_FAULTED,
    SwapOutcome.REFUSED: types_pb2.SWAP_OUTCOME_REFUSED,
    SwapOutcome.INTERRUPTED: types_pb2.SWAP_OUTCOME_INTERRUPTED,
}
CHANGE_STATES = {
    ChangeState.PREPARED: types_pb2.CHANGE_STATE_PREPARED,
    ChangeState.COMMITTED: types_pb2.CHANGE_STATE_COMMITTED,
    ChangeState.WAITING: types_pb2.CHANGE_STATE_WAITING,
    ChangeState.READY: types_pb2.CHANGE_STATE_READY,
}
COMING_CAUSES = {
    ComingCause.ANNOUNCED_CHANGE: types_pb2.COMING_SWAP_CAUSE_ANNOUNCED_CHANGE,
    ComingCause.MIN_DWELL: types_pb2.COMING_SWAP_CAUSE_MIN_DWELL,
    ComingCause.MEASURING: types_pb2.COMING_SWAP_CAUSE_MEASURING,
    ComingCause.WINDOW: types_pb2.COMING_SWAP_CAUSE_WINDOW,
    ComingCause.INHIBITED: types_pb2.COMING_SWAP_CAUSE_INHIBITED,
    ComingCause.OTHER: types_pb2.COMING_SWAP_CAUSE_OTHER,
}
PROFILE_STAGES = {
    ProfileStage.SWAPPING: profile_pb2.PROFILE_STAGE_SWAPPING,
    ProfileStage.MEASURING: profile_pb2.PROFILE_STAGE_MEASURING,
    ProfileStage.RETURNING: profile_pb2.PROFILE_STAGE_RETURNING,
    ProfileStage.DONE: profile_pb2.PROFILE_STAGE_DONE,
}
ALARM_SEVERITIES = {
    "info": types_pb2.ALARM_SEVERITY_INFO,
    "warning": types_pb2.ALARM_SEVERITY_WARNING,
    "critical": types_pb2.ALARM_SEVERITY_CRITICAL,
}
RELOAD_CLASSES = {
    ReloadClass.LIVE: config_pb2.RELOAD_CLASS_LIVE,
    ReloadClass.SWAP: config_pb2.RELOAD_CLASS_SWAP,
    ReloadClass.RESTART: config_pb2.RELOAD_CLASS_RESTART,
}
