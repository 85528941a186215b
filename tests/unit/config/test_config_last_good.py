"""The copy of the last config that was good, and where in a file a key stands."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.config import AgentConfig, schema
from agent.config.last_good import NAME, keep, load_or_last_good
from agent.config.places import problem_at
from agent.errors import ConfigError, LibraryNotFound
from tests.unit.config.configs import BASE, FULL, written

GOOD = "state_dir: state\n" + BASE


def anything_goes(config: AgentConfig) -> None:
    """No library to open."""


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_a_file_that_can_be_used_is_used(tmp_path: Path, state: Path) -> None:
    keep(state, b"nonsense")
    loaded = load_or_last_good(written(tmp_path, GOOD), anything_goes)
    assert (loaded.data, loaded.refused) == (GOOD.encode(), None)


@pytest.mark.parametrize("broken", [GOOD + "x: 1\n", "state_dir: state\nversion: [\n", "state_dir: 'state' # here\n\0"])
def test_a_file_that_cannot_be_used_gives_way_to_the_last_good_one(tmp_path: Path, state: Path, broken: str) -> None:
    keep(state, GOOD.encode())
    path = written(tmp_path, broken)
    loaded = load_or_last_good(path, anything_goes)
    assert loaded.data == GOOD.encode()
    assert loaded.config.source == path
    assert loaded.config.state_dir == state  # relative names count as in the file, not as in the copy
    assert str(loaded.refused).startswith(f"{path}:")


def test_a_file_that_is_missing_gives_way_to_the_copy_in_the_default_place(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.config.last_good.STATE_DIR", state)
    keep(state, GOOD.encode())
    loaded = load_or_last_good(tmp_path / "agent.yaml", anything_goes)
    assert "cannot be read: No such file" in str(loaded.refused)
    assert Path("/var/lib/ofa-agent") == schema.STATE_DIR


def test_a_library_that_cannot_be_used_is_a_reason_too(tmp_path: Path, state: Path) -> None:
    keep(state, (GOOD + "library: {path: old}\n").encode())

    def check(config: AgentConfig) -> None:
        if config.library is not None and config.library.path.name == "new":
            raise LibraryNotFound(f"{config.library.path}: no library here")

    loaded = load_or_last_good(written(tmp_path, GOOD + "library: {path: new}\n"), check)
    assert loaded.config.library is not None
    assert loaded.config.library.path.name == "old"
    assert "library.path: " in str(loaded.refused)


def test_without_a_copy_that_can_be_used_the_file_is_to_blame(tmp_path: Path, state: Path) -> None:
    path = written(tmp_path, GOOD + "x: 1\n")
    with pytest.raises(ConfigError, match=r"agent.yaml:4: x: unknown key; .*; nor can the last good copy be used: "):
        load_or_last_good(path, anything_goes)
    keep(state, b"also bad")
    with pytest.raises(ConfigError, match=r"agent.yaml:4: x: unknown key; .*the last good copy be used: .*yaml:1: "):
        load_or_last_good(path, anything_goes)


def test_the_copy_is_for_the_daemon_alone_and_leaves_nothing_beside_it(state: Path) -> None:
    keep(state, b"one")
    keep(state, b"two")
    assert [path.name for path in state.iterdir()] == [NAME]
    assert (state / NAME).read_bytes() == b"two"
    assert stat.S_IMODE((state / NAME).stat().st_mode) == 0o600


def test_the_same_again_is_not_written(state: Path) -> None:
    keep(state, b"one")
    before = (state / NAME).stat().st_ino
    keep(state, b"one")
    assert (state / NAME).stat().st_ino == before


def test_it_is_on_the_disk_before_it_takes_the_place_of_the_other(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(*paths: Any) -> None:
        order.append("rename")
        rename(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    keep(state, b"one")
    assert order == ["file", "rename", "folder"]


def test_a_full_disk_leaves_the_copy_before(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(state, b"one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep(state, b"two")
    assert [path.name for path in state.iterdir()] == [NAME]
    assert (state / NAME).read_bytes() == b"one"


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("state_dir", 2),
        ("api.unix_socket", 4),
        ("library.path", 10),
        ("cameras[station-1].acquisition.gain_db", 26),
        ("cameras[station-1].policy.swap.window", 32),
        ("cameras[station-2].inference_sync", 36),
        ("cameras[station-2].network_storage", 33),  # left out: the camera is there
        ("cameras[station-9]", 11),  # gone: its list is there
        ("groups[line-1].wait_s", 44),
        ("telemetry.journal_days", 56),
        ("policy.schedule", 48),
        ("web.preview", 58),
        ("none.of.this.name", 1),
    ],
)
def test_a_key_is_found_on_its_line(tmp_path: Path, key: str, line: int) -> None:
    path = tmp_path / "agent.yaml"
    assert str(problem_at(path, FULL.encode(), key, "is other")) == f"{path}:{line}: {key}: is other"
