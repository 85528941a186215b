"""Captured images on a disk: named, whole, never overwritten, and a disk that is full leaves what is there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from agent.cli.image_folder import METADATA, CannotWrite, ImageFolder
from agent.errors import BadInput


def lines_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / METADATA).read_text(encoding="utf-8").splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_image_is_a_file_of_its_class_and_a_line_that_names_it(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "parts", "größer")
    first = folder.add("a", b"one", {"part": 7, "gain_db": float("nan")})
    folder.add("b", b"two", {"part": None})
    assert first == tmp_path / "parts" / "größer" / "a.png"
    assert first.read_bytes() == b"one"
    assert names(folder.folder) == ["a.png", "b.png"]
    told = [{"file": "größer/a.png", "part": 7, "gain_db": None}, {"file": "größer/b.png", "part": None}]
    assert lines_of(tmp_path / "parts") == told


def test_nothing_is_made_for_a_class_without_images(tmp_path: Path) -> None:
    ImageFolder(tmp_path / "parts", "ok")
    assert names(tmp_path / "parts") == []


def test_an_image_of_the_same_name_gets_another_one(tmp_path: Path) -> None:
    for data in (b"first", b"second", b"third"):
        ImageFolder(tmp_path, "ok").add("a", data, {})
    contents = {path.name: path.read_bytes() for path in (tmp_path / "ok").iterdir()}
    assert contents == {"a.png": b"first", "a-2.png": b"second", "a-3.png": b"third"}
    assert [line["file"] for line in lines_of(tmp_path)] == ["ok/a.png", "ok/a-2.png", "ok/a-3.png"]


def test_a_memory_stick_without_hard_links_takes_images_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuses)
    folder = ImageFolder(tmp_path, "ok")
    assert [folder.add("a", data, {}).name for data in (b"first", b"second")] == ["a.png", "a-2.png"]
    assert (tmp_path / "ok" / "a.png").read_bytes() == b"first"
    assert names(tmp_path / "ok") == ["a-2.png", "a.png"]


def test_a_full_disk_is_said_in_a_line_and_leaves_no_half_image(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, "ok")
    folder.add("a", b"one", {})
    (tmp_path / METADATA).unlink()
    (tmp_path / METADATA).symlink_to("/dev/full")
    with pytest.raises(CannotWrite) as caught:
        folder.add("b", b"two", {})
    assert str(caught.value) == f"{tmp_path / 'ok'}: the disk is full; 1 images of this capture are there"
    assert names(tmp_path / "ok") == ["a.png"]


def test_a_line_that_a_full_disk_cut_off_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    (tmp_path / METADATA).write_text('{"file": "ok/a.png", "par', encoding="utf-8")
    ImageFolder(tmp_path, "ok").add("b", b"two", {})
    cut_off, whole = (tmp_path / METADATA).read_text(encoding="utf-8").splitlines()
    assert json.loads(whole) == {"file": "ok/b.png"}
    assert cut_off.endswith("par")


def test_a_folder_that_cannot_be_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match=r"^--out: .*file.* cannot be written: "):
        ImageFolder(tmp_path / "file" / "parts", "ok")
    with pytest.raises(BadInput, match=r"^label: "):
        ImageFolder(tmp_path, "../ok")
