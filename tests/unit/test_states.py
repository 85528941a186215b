"""The table in code and the diagram in the docstring say the same."""

from __future__ import annotations

import re

import pytest

from agent.domain import states
from agent.domain.states import TRANSITIONS, CameraState, SwapStage
from agent.swap.machine import IllegalTransition, StateMachine


def test_the_docstring_lists_exactly_the_transitions_of_the_table() -> None:
    written = {
        CameraState[name]: frozenset(CameraState[target.strip()] for target in targets.split(","))
        for name, targets in re.findall(r"^ *([A-Z]+) → ([A-Z, ]+)$", states.__doc__ or "", re.MULTILINE)
    }
    assert written == TRANSITIONS


@pytest.mark.parametrize("start", list(CameraState))
@pytest.mark.parametrize("end", list(CameraState))
def test_the_machine_takes_the_tables_arrows_and_no_other(start: CameraState, end: CameraState) -> None:
    machine = StateMachine(lambda: None)
    machine._state = start
    if end in TRANSITIONS[start] or end is start:
        machine.to(end)
        assert machine.state is end
    else:
        with pytest.raises(IllegalTransition):
            machine.to(end)


def test_a_stage_exists_only_while_swapping() -> None:
    changes: list[int] = []
    machine = StateMachine(lambda: changes.append(1))
    with pytest.raises(IllegalTransition):
        machine.at(SwapStage.UPLOADING)
    for state in (CameraState.CONNECTING, CameraState.IDLE, CameraState.SWAPPING):
        machine.to(state)
    machine.at(SwapStage.UPLOADING)
    machine.to(CameraState.ACTIVE)
    assert machine.stage is SwapStage.NONE
    assert len(changes) == 5
