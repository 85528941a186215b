"""Finished steps are kept, found again, and never believed when they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.builder.workfolder import WorkFolder, work_path


def _never() -> bytes:
    raise AssertionError("the step was made again")


def test_a_finished_step_is_not_made_again(tmp_path: Path) -> None:
    assert WorkFolder(tmp_path / "w", "inputs").step("a", lambda: b"made") == b"made"
    again = WorkFolder(tmp_path / "w", "inputs")
    assert again.step("a", _never) == b"made"
    assert again.reused == 1


def test_other_inputs_or_another_step_find_nothing(tmp_path: Path) -> None:
    WorkFolder(tmp_path, "inputs").step("a", lambda: b"made")
    assert WorkFolder(tmp_path, "other inputs").step("a", lambda: b"other") == b"other"
    assert WorkFolder(tmp_path, "inputs").step("b", lambda: b"new") == b"new"


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 40])
def test_a_damaged_step_is_made_again(tmp_path: Path, damage: bytes) -> None:
    work = WorkFolder(tmp_path, "inputs")
    work.step("a", lambda: b"made")
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert work.step("a", lambda: b"again") == b"again"
    assert work.step("a", _never) == b"again"


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "w", "inputs")
    with pytest.raises(AssertionError):
        work.step("a", _never)
    assert work.step("a", lambda: b"made") == b"made"
    work.remove()
    work.remove()
    assert not (tmp_path / "w").exists()


def test_without_a_folder_nothing_is_kept() -> None:
    work = WorkFolder(None, "inputs")
    assert work.step("a", lambda: b"1") == b"1"
    assert work.step("a", lambda: b"2") == b"2"
    work.remove()


def test_the_folder_is_hidden_beside_the_output(tmp_path: Path) -> None:
    assert work_path(tmp_path / "library") == tmp_path / ".library.build"
