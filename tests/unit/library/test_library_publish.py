"""A library appears whole or not at all, never goes back, and can be signed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import DigestMismatch, LibraryError, ManifestInvalid, SignatureInvalid
from agent.library import generate_key, open_library, publish, sign_library, verify_library
from agent.library.publish import creation_time, next_version
from tests.support.tiny_libraries import decoded, publish_tiny, tiny_manifest


def test_publishing_leaves_nothing_but_the_library(tmp_path: Path) -> None:
    publish_tiny(tmp_path / "library")
    assert [entry.name for entry in tmp_path.iterdir()] == ["library"]
    assert sorted(entry.name for entry in (tmp_path / "library").iterdir()) == ["blobs", "golden", "manifest.json"]


def test_equal_content_gives_equal_manifest_bytes(tmp_path: Path) -> None:
    first, second = publish_tiny(tmp_path / "a"), publish_tiny(tmp_path / "b")
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()


def test_publishing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    values, files = tiny_manifest()
    assert publish(decoded(values), files, tmp_path / "library").changed
    before = (tmp_path / "library").stat().st_ino
    assert not publish(decoded(values), files, tmp_path / "library").changed
    assert (tmp_path / "library").stat().st_ino == before


def test_a_higher_version_replaces_and_a_lower_one_is_refused(tmp_path: Path) -> None:
    out = publish_tiny(tmp_path / "library", version=3)
    publish_tiny(out, count=1, version=4)
    assert len(open_library(out).manifest.subnets) == 1
    with pytest.raises(LibraryError, match="holds version 4, refusing to replace it by 4"):
        publish_tiny(out, count=2, version=4)
    values, files = tiny_manifest()
    assert publish(decoded(values), files, out, force=True).version == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["library"]


def test_the_next_version_counts_up_for_other_content_only(tmp_path: Path) -> None:
    values, _ = tiny_manifest()
    assert next_version(decoded(values), tmp_path / "library").version == 1
    out = publish_tiny(tmp_path / "library", version=5)
    assert next_version(decoded(values), out).version == 5
    assert next_version(decoded(values | {"name": "other"}), out).version == 6


def test_a_folder_that_is_no_library_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    values, files = tiny_manifest()
    with pytest.raises(LibraryError, match="exists and is not a library"):
        publish(decoded(values), files, tmp_path)
    assert (tmp_path / "precious.txt").exists()


def test_a_damaged_library_is_replaced_by_force_only(tmp_path: Path) -> None:
    out = publish_tiny(tmp_path / "library")
    next((out / "blobs").iterdir()).unlink()
    values, files = tiny_manifest()
    with pytest.raises(LibraryError, match="missing"):
        publish(decoded(values), files, out)
    assert publish(decoded(values), files, out, force=True).changed
    assert verify_library(out).ok


def test_an_incomplete_set_of_files_is_not_published(tmp_path: Path) -> None:
    values, files = tiny_manifest()
    files.popitem()
    with pytest.raises(LibraryError, match="missing"):
        publish(decoded(values), files, tmp_path / "library")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_fit_its_name_is_not_published(tmp_path: Path) -> None:
    values, files = tiny_manifest()
    name = next(iter(files))
    with pytest.raises(DigestMismatch):
        publish(decoded(values), files | {name: b"other"}, tmp_path / "library")
    with pytest.raises(LibraryError, match="not a name of a library file"):
        publish(decoded(values), files | {"../escape": b""}, tmp_path / "library")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rename_keeps_the_old_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = publish_tiny(tmp_path / "library")
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if Path(target) == out and not str(source).endswith("library"):
            raise OSError("disk full")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="disk full"):
        publish_tiny(out, count=1, version=2)
    assert len(open_library(out).manifest.subnets) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["library"]


def test_the_time_of_creation_honours_the_reproducible_build_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert creation_time() == 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ManifestInvalid, match="SOURCE_DATE_EPOCH"):
        creation_time()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert creation_time() > 1_700_000_000


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    generate_key(private, public)
    return private, public


def test_a_signed_library_opens_with_its_key(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    sign_library(out, keys[0])
    assert open_library(out, trusted_keys=[keys[1]]).manifest.name == "tiny"
    assert verify_library(out, [keys[1]]).ok
    assert len((out / "manifest.json.sig").read_bytes()) == 64


def test_publishing_with_a_key_signs(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    values, files = tiny_manifest()
    publish(decoded(values), files, tmp_path / "library", key=keys[0])
    open_library(tmp_path / "library", trusted_keys=[keys[1]])


def test_an_unsigned_library_is_refused_where_keys_are_trusted(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    with pytest.raises(SignatureInvalid, match=r"manifest\.json\.sig: missing"):
        open_library(out, trusted_keys=[keys[1]])


def test_one_changed_byte_breaks_the_signature(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    sign_library(out, keys[0])
    with open(out / "manifest.json", "ab") as file:
        file.write(b" ")
    with pytest.raises(SignatureInvalid, match="not signed by any of 1 trusted keys"):
        open_library(out, trusted_keys=[keys[1]])


def test_another_key_and_a_short_signature_are_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    sign_library(out, keys[0])
    generate_key(tmp_path / "other.pem", tmp_path / "other.pub")
    with pytest.raises(SignatureInvalid, match="not signed by any"):
        open_library(out, trusted_keys=[tmp_path / "other.pub"])
    open_library(out, trusted_keys=[tmp_path / "other.pub", keys[1]])
    (out / "manifest.json.sig").write_bytes(b"short")
    with pytest.raises(SignatureInvalid, match="signature of 5 bytes, expected 64"):
        open_library(out, trusted_keys=[keys[1]])


def test_private_keys_are_private_and_never_overwritten(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    assert keys[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        generate_key(*keys)


def test_files_that_are_no_keys_are_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("x")
    with pytest.raises(SignatureInvalid, match="not a usable private key"):
        sign_library(out, rubbish)
    with pytest.raises(SignatureInvalid, match="not a usable private key"):
        sign_library(out, keys[1])
    sign_library(out, keys[0])
    with pytest.raises(SignatureInvalid, match="not a usable public key"):
        open_library(out, trusted_keys=[rubbish])
