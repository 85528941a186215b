"""A file that is written whole is the new one, or the old one, and nothing lies beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.writing import write_whole


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_write_that_fails_on_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    write_whole(path, b"one")

    def full(part: Path, data: bytes) -> int:
        with part.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["page.html"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "page.html"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(folder, b"one")
    assert os.listdir(tmp_path) == ["page.html"]
