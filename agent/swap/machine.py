"""The state of one camera; this class is its only mutator. Diagram and table: agent/domain/states.py."""

from __future__ import annotations

from collections.abc import Callable

from agent.domain.states import TRANSITIONS, CameraState, SwapStage
from agent.errors import AgentError


class IllegalTransition(AgentError):
    """A transition that the table does not have: a fault of the caller, never of the camera."""

    reason = "ILLEGAL_TRANSITION"


class StateMachine:
    """Holds state, stage and the line that explains them; `changed` is called after every change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._state = CameraState.DISCONNECTED
        self._stage = SwapStage.NONE
        self._detail = ""

    @property
    def state(self) -> CameraState:
        return self._state

    @property
    def stage(self) -> SwapStage:
        return self._stage

    @property
    def detail(self) -> str:
        return self._detail

    def to(self, state: CameraState, detail: str = "") -> None:
        """Go to `state`; raises IllegalTransition where the table has no such arrow."""
        if state is self._state:
            self.explain(detail)
            return
        if state not in TRANSITIONS[self._state]:
            raise IllegalTransition(f"camera state {self._state.value} has no transition to {state.value}")
        self._state, self._detail = state, detail
        if state is not CameraState.SWAPPING:
            self._stage = SwapStage.NONE
        self._changed()

    def at(self, stage: SwapStage) -> None:
        """Name the stage of the running swap; raises IllegalTransition outside SWAPPING."""
        if self._state is not CameraState.SWAPPING:
            raise IllegalTransition(f"stage {stage.value} in camera state {self._state.value}")
        if stage is not self._stage:
            self._stage = stage
            self._changed()

    def explain(self, detail: str) -> None:
        """Change the explaining line only."""
        if detail != self._detail:
            self._detail = detail
            self._changed()
