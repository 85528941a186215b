"""The steps of a swap and the way back from each of them; pure.

    PREPARE  PERMIT  STOP  DISABLE  DELETE  UPLOAD  ACTIVATE  VERIFY  START
    └─ no effect ──┘ └──────────── gap: no inference ─────────────────────┘

Upload needs acquisition stopped, inference off and the old file gone (facts/firefly-dl.md section 2, S7), so the old
network is lost at DELETE and the way back from there on is a full installation of the old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.domain.states import SwapStage


class Step(Enum):
    PREPARE = "prepare"
    PERMIT = "permit"
    STOP = "stop"
    DISABLE = "disable"
    DELETE = "delete"
    UPLOAD = "upload"
    ACTIVATE = "activate"
    VERIFY = "verify"
    START = "start"


STAGE_OF: dict[Step, SwapStage] = {
    Step.PREPARE: SwapStage.PREPARING,
    Step.PERMIT: SwapStage.WAITING_PERMIT,
    Step.STOP: SwapStage.STOPPING,
    Step.DISABLE: SwapStage.STOPPING,
    Step.DELETE: SwapStage.UPLOADING,
    Step.UPLOAD: SwapStage.UPLOADING,
    Step.ACTIVATE: SwapStage.ACTIVATING,
    Step.VERIFY: SwapStage.VERIFYING,
    Step.START: SwapStage.VERIFYING,
}

BEFORE_GAP: tuple[Step, ...] = (Step.PREPARE, Step.PERMIT)
INSTALL: tuple[Step, ...] = (
    Step.STOP,
    Step.DISABLE,
    Step.DELETE,
    Step.UPLOAD,
    Step.ACTIVATE,
    Step.VERIFY,
    Step.START,
)
REACTIVATE: tuple[Step, ...] = (Step.STOP, Step.DISABLE, Step.ACTIVATE, Step.VERIFY, Step.START)
RESUME: tuple[Step, ...] = (Step.STOP, Step.START)
CLEAR: tuple[Step, ...] = (Step.STOP, Step.DISABLE, Step.DELETE)


@dataclass(frozen=True, slots=True)
class Plan:
    """Forward steps in order."""

    steps: tuple[Step, ...]

    def way_back(self, failed: Step, had_network: bool) -> tuple[Step, ...]:
        """Steps that lead from a failure at `failed` (itself perhaps half done) back to the old network.

        A failed STOP leaves the stream in an unknown state, so it is stopped again and resumed. A failed DISABLE left
        the old bytes in place, but they have to be enabled and verified anew. From DELETE on they may be gone.
        Without an old network the slot is emptied, so that nothing half-written can ever run.
        """
        if failed in BEFORE_GAP:
            return ()
        if not had_network:
            return () if failed is Step.STOP else CLEAR
        if failed is Step.STOP:
            return RESUME
        if failed is Step.DISABLE:
            return REACTIVATE
        return INSTALL


def plan_swap() -> Plan:
    """Every swap on a camera with one network slot takes the same steps."""
    return Plan((*BEFORE_GAP, *INSTALL))


def plan_adoption() -> Plan:
    """Taking over a network that is already on the camera: everything but the upload."""
    return Plan(REACTIVATE)
