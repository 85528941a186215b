"""A library appears whole or not at all, never goes back, and can be signed."""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import BadInput, DigestMismatch, LibraryError, ManifestInvalid, SignatureInvalid
from agent.library import generate_key, open_library, publish, sign_library, verify_library
from agent.library.files import exchange
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


def test_a_blob_that_no_camera_would_take_is_not_published(tmp_path: Path) -> None:
    values, files = tiny_manifest(count=1)
    cut = next(data for name, data in files.items() if name.endswith(".ovir"))[:-7]
    digest = hashlib.sha256(cut).hexdigest()
    row = values["subnets"][0]["artifacts"][0]
    row |= {"file": f"blobs/{digest}.ovir", "sha256": digest, "size_bytes": len(cut)}
    with pytest.raises(LibraryError, match="truncated or damaged"):
        publish(decoded(values), files | {row["file"]: cut}, tmp_path / "library")
    assert list(tmp_path.iterdir()) == []


def test_a_new_version_takes_the_place_of_the_old_one_in_a_single_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = publish_tiny(tmp_path / "library")

    def never(source: Path, target: Path) -> None:
        raise AssertionError(f"{source} was moved to {target}: between two moves there is no library")

    monkeypatch.setattr(os, "rename", never)
    publish_tiny(out, 3, version=2)
    assert open_library(out).manifest.version == 2
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


def test_two_folders_that_cannot_change_places_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that cannot exchange two folders."""

    def cannot(one: Path, other: Path) -> bool:
        return not (one.exists() and other.exists())

    monkeypatch.setattr(importlib.import_module("agent.library.publish"), "exchange", cannot)


@pytest.mark.usefixtures("no_exchange")
def test_a_new_version_is_published_where_folders_cannot_be_exchanged(tmp_path: Path) -> None:
    out = publish_tiny(tmp_path / "library")
    publish_tiny(out, 3, version=2)
    assert open_library(out).manifest.version == 2
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


@pytest.mark.usefixtures("no_exchange")
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
    assert [key.stat().st_mode & 0o777 for key in keys] == [0o600, 0o644]
    before = [key.read_bytes() for key in keys]
    for private, public in ((keys[0], tmp_path / "new"), (tmp_path / "new", keys[1]), (tmp_path / "no" / "new", None)):
        with pytest.raises(BadInput, match=r"a key is never overwritten|cannot be written"):
            generate_key(private, public or tmp_path / "new")
        assert not (tmp_path / "new").exists()
    assert [key.read_bytes() for key in keys] == before


def test_a_key_pair_that_cannot_be_finished_leaves_no_half(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        generate_key(tmp_path / "key", tmp_path / "none" / "key.pub")
    assert list(tmp_path.iterdir()) == []


def test_the_umask_neither_opens_nor_closes_a_key(tmp_path: Path) -> None:
    for number, mask in enumerate((0o000, 0o777)):
        before = os.umask(mask)
        try:
            private, public = tmp_path / f"{number}.key", tmp_path / f"{number}.pub"
            generate_key(private, public)
        finally:
            os.umask(before)
        assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)


def test_a_manifest_that_changes_while_it_is_signed_is_not_signed(
    tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = publish_tiny(tmp_path / "library")
    opened = open_library(out)
    with open(out / "manifest.json", "ab") as file:
        file.write(b" ")
    monkeypatch.setattr(importlib.import_module("agent.library.publish"), "open_library", lambda path: opened)
    with pytest.raises(DigestMismatch):
        sign_library(out, keys[0])
    assert not (out / "manifest.json.sig").exists()


def test_a_signature_left_half_written_does_not_stop_the_next(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    (out / f".manifest.json.sig.{os.getpid()}").write_bytes(b"half")
    assert sign_library(out, keys[0]) == open_library(out, trusted_keys=[keys[1]]).digest
    assert len(list(out.glob(".*"))) == 0


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sig"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(place=st.data())
def test_any_bit_of_a_signed_manifest_and_of_its_signature_counts(
    name: str, place: st.DataObject, signed: tuple[Path, Path]
) -> None:
    library, public = signed
    file = library / name
    sound = file.read_bytes()
    bit = place.draw(st.integers(0, 8 * len(sound) - 1))
    broken = bytearray(sound)
    broken[bit // 8] ^= 1 << bit % 8
    file.write_bytes(broken)
    try:
        with pytest.raises(SignatureInvalid):
            open_library(library, trusted_keys=[public])
    finally:
        file.write_bytes(sound)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A signed library and its public key; what a test changes it puts back."""
    folder = tmp_path_factory.mktemp("signed")
    generate_key(folder / "key", folder / "key.pub")
    out = publish_tiny(folder / "library")
    sign_library(out, folder / "key")
    return out, folder / "key.pub"


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
    curve = ec.generate_private_key(ec.SECP256R1())
    other = tmp_path / "curve.pem"
    other.write_bytes(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SignatureInvalid, match="expected an Ed25519 private key"):
        sign_library(out, other)
    other.write_bytes(curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(SignatureInvalid, match="expected an Ed25519 public key"):
        open_library(out, trusted_keys=[other])
    with pytest.raises(SignatureInvalid, match=r"not a usable public key: .*missing"):
        open_library(out, trusted_keys=[tmp_path / "none"])


def test_a_key_may_be_a_link_as_mounted_secrets_are(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    for name, target in (("a.pem", keys[0]), ("a.pub", keys[1])):
        (tmp_path / name).symlink_to(target)
    sign_library(out, tmp_path / "a.pem")
    open_library(out, trusted_keys=[tmp_path / "a.pub"])


def test_verify_says_what_the_signature_is_worth(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    out = publish_tiny(tmp_path / "library")
    assert verify_library(out).signature == "none"
    sign_library(out, keys[0])
    assert (verify_library(out).signature, verify_library(out, [keys[1]]).signature) == ("unchecked", "trusted")
