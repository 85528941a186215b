"""A journal that is being recovered over a power loss: the recovery begins again or has ended, and loses no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent.telemetry.places import Places
from tests.faults.crash_states import recovery_run
from tests.faults.crash_states.report import failures, unrecorded
from tests.faults.crash_states.states import states
from tests.reliability.recorder import Reliability

KINDS = pytest.mark.parametrize("removed", [False, True], ids=["damaged", "removed"])


def found_wrong(
    root: Path, removed: bool, each: int, points: int | None, most: int = 20,
    counted: Callable[[int], None] = lambda _: None,
) -> list[str]:  # fmt: skip
    record = recovery_run.play(root, removed, seed=1)
    assert not unrecorded(record)
    late = (state for state in states(record, 1, each, points) if state.begun >= recovery_run.DAMAGE)
    what = f"recovery removed={removed}"
    return failures(late, lambda state, at: recovery_run.fault(state, at, removed), what, most, counted)


@KINDS
def test_a_power_loss_in_a_recovery_loses_no_claim_and_repeats_no_generation(tmp_path: Path, removed: bool) -> None:
    assert found_wrong(tmp_path, removed, each=2, points=20) == []


@pytest.mark.soak
@KINDS
def test_in_every_state_of_a_recovery_no_claim_is_lost(tmp_path: Path, removed: bool, reliability: Reliability) -> None:
    counted = partial(reliability.count, 1, "states", seed=1)
    points = None if reliability.scale == 1.0 else reliability.scaled(400, least=20)
    assert found_wrong(tmp_path, removed, each=4, points=points, counted=counted) == []


@pytest.mark.soak
def test_a_recovered_journal_that_is_put_in_place_before_it_is_on_the_disk_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(self: Places) -> None:
        """Whatever is in the place of the new file goes first."""
        self.journal.unlink()
        self.salvage.rename(self.ready)

    monkeypatch.setattr(Places, "done", hasty)
    assert found_wrong(tmp_path, removed=False, each=4, points=None, most=1) != []
