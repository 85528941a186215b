"""The journal over a power loss: what was acknowledged is there, what was under way is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent.domain.audit import Head
from agent.telemetry.audit_head import HeadFile
from agent.telemetry.places import Places
from tests.faults.crash_states import journal_run
from tests.faults.crash_states.report import failures, unrecorded
from tests.faults.crash_states.states import states
from tests.reliability.recorder import Reliability


def journal_failures(
    root: Path, seed: int, each: int, points: int | None, steps: int = 25, most: int = 20,
    rewrite: Callable[[str], str] = str, counted: Callable[[int], None] = lambda _: None,
) -> list[str]:  # fmt: skip
    played = journal_run.play(root, seed, lives=3, steps=steps, rewrite=rewrite)
    assert not unrecorded(played.record)
    found = states(played.record, seed, each, points)
    return failures(
        found, lambda state, at: journal_run.fault(state, at, played.dumps), f"journal seed {seed}", most, counted
    )


def test_after_a_power_loss_the_journal_has_what_was_acknowledged_and_no_third_state(tmp_path: Path) -> None:
    assert journal_failures(tmp_path, seed=1, each=3, points=40) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_in_thousands_of_states_the_journal_is_the_old_or_the_new_one(
    tmp_path: Path, seed: int, reliability: Reliability
) -> None:
    counted = partial(reliability.count, 1, "states", seed=100 + seed)
    points = None if reliability.scale == 1.0 else reliability.scaled(1000, least=20)
    assert journal_failures(tmp_path, seed=100 + seed, each=4, points=points, counted=counted) == []


@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
def test_a_journal_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path, level: str) -> None:
    found = journal_failures(
        tmp_path, seed=1, each=2, points=60, steps=8, most=1, rewrite=lambda sql: sql.replace("FULL", level)
    )
    assert len(found) == 1
    assert "neither old nor new" in found[0]


def test_a_journal_whose_folder_was_not_synced_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Places, "make_folder", _only_made)
    assert len(journal_failures(tmp_path, seed=1, each=2, points=60, steps=8, most=1)) == 1


@pytest.mark.soak
def test_a_head_of_the_audit_that_is_renamed_before_it_is_on_the_disk_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(self: HeadFile, head: Head) -> None:
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(f"{head}\n")
        new.rename(self.path)

    monkeypatch.setattr(HeadFile, "write", hasty)
    found = journal_failures(tmp_path, seed=1, each=6, points=150, steps=12, most=1)
    assert len(found) == 1
    assert "which is no SEQ:SHA256" in found[0]


def _only_made(self: Places) -> None:
    self.journal.parent.mkdir(parents=True, exist_ok=True)
