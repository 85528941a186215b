"""Atomic publication: a library appears whole or not at all, and blobs are named by their content."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.errors import LibraryError, ManifestInvalid
from agent.library import signing
from agent.library.files import check_digest, exchange, make_folder, read_member, sync_directory, write_durably
from agent.library.manifest import MAX_MANIFEST_BYTES, Manifest, encode_manifest, manifest_digest
from agent.library.store import MANIFEST_NAME, SIGNATURE_NAME, Library, open_library


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published: sha256 of the manifest bytes, version, and whether the folder changed."""

    path: Path
    digest: str
    version: int
    changed: bool


def publish(
    manifest: Manifest,
    files: Mapping[str, bytes],
    out: Path,
    *,
    key: Path | None = None,
    force: bool = False,
) -> Publication:
    """Write `manifest` and `files` (library-relative name to content) as the library `out`.

    The folder is written beside `out`, synced, read back and renamed into place. A library already there is
    replaced by a higher version only, unless `force`; the same content again changes nothing.
    Raises LibraryError: a file that does not fit its name or its row, a version that goes back, a folder that is no
    library.
    """
    out = Path(os.path.abspath(out))
    data = encode_manifest(manifest)
    digest = manifest_digest(data)
    if _is_published(out, manifest, digest, force) and key is None:
        sync_directory(out.parent)  # whoever put it there may have died before it was durable
        return Publication(out, digest, manifest.version, changed=False)
    make_folder(out.parent)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        _write(staging, data, files, key)
        _check_contents(open_library(staging))
        _move_into_place(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Publication(out, digest, manifest.version, changed=True)


def next_version(manifest: Manifest, out: Path) -> Manifest:
    """`manifest` with the version that `out` needs: the same for equal content, else one more; 1 at first."""
    try:
        published = open_library(out).manifest
    except LibraryError:
        return manifest
    same = msgspec.structs.replace(manifest, version=published.version)
    return same if same == published else msgspec.structs.replace(manifest, version=published.version + 1)


def creation_time() -> int:
    """Unix seconds for `created`: SOURCE_DATE_EPOCH where set, else now. Raises ManifestInvalid."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return int(time.time())
    if not epoch.isascii() or not epoch.isdigit():
        raise ManifestInvalid(f"environment: SOURCE_DATE_EPOCH: {epoch!r} is not a number of seconds")
    return int(epoch)


def sign_library(path: Path, key: Path) -> str:
    """Read every file of a library, then sign its manifest in place; returns its digest. Raises LibraryError leaves.

    What is signed are the bytes that were read and checked; none is left beside a manifest that is another by then.
    """
    library = open_library(path)
    _check_contents(library)
    lies_there = read_member(library.path, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    check_digest(lies_there, library.digest, library.path / MANIFEST_NAME)
    signature = signing.sign(library.manifest_bytes, key)
    staging = library.path / f".{SIGNATURE_NAME}.{os.getpid()}"
    staging.unlink(missing_ok=True)  # of a signer that was killed, by a number that came round again
    write_durably(staging, signature)
    os.replace(staging, library.path / SIGNATURE_NAME)
    sync_directory(library.path)
    return library.digest


def _is_published(out: Path, manifest: Manifest, digest: str, force: bool) -> bool:
    """True where `out` holds this very manifest. Raises LibraryError where it must not be replaced."""
    if not out.exists() or (out.is_dir() and not os.listdir(out)):
        return False
    if not (out / MANIFEST_NAME).is_file():
        raise LibraryError(f"{out}: exists and is not a library; choose another folder")
    try:
        published = open_library(out)
    except LibraryError:
        if force:
            return False
        raise
    if published.digest == digest:
        return True
    if manifest.version <= published.manifest.version and not force:
        raise LibraryError(
            f"{out}: holds version {published.manifest.version}, refusing to replace it by {manifest.version}"
        )
    return False


def _write(staging: Path, data: bytes, files: Mapping[str, bytes], key: Path | None) -> None:
    os.chmod(staging, 0o755)  # mkdtemp makes it private; the daemon runs as another user
    folders = (staging / "blobs", staging / "golden")
    for folder in folders:
        folder.mkdir()
    for name in sorted(files):  # one content at a time: a library may be larger than the memory
        path = staging / name
        if path.parent not in folders:
            raise LibraryError(f"{name}: not a name of a library file")
        content = files[name]
        check_digest(content, path.stem, path)
        write_durably(path, content)
    write_durably(staging / MANIFEST_NAME, data)
    if key is not None:
        write_durably(staging / SIGNATURE_NAME, signing.sign(data, key))
    for folder in (*folders, staging):
        sync_directory(folder)


def _check_contents(library: Library) -> None:
    """Every file is read whole, as before an upload: what a camera would refuse is never published nor signed."""
    for subnet in library.manifest.subnets:
        for artifact in subnet.artifacts:
            library.read_artifact(subnet.id, artifact)
        library.golden_images(subnet.id)


def _move_into_place(staging: Path, out: Path) -> None:
    """Rename; an older library changes places with the new one, so that a crash leaves one of the two at `out`.

    Where the file system cannot exchange, the older one is moved aside first: a crash then may leave it there.
    """
    if not out.exists():
        os.rename(staging, out)
        sync_directory(out.parent)
        return
    if exchange(staging, out):
        sync_directory(out.parent)
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    os.rename(out, retired / "library")
    try:
        os.rename(staging, out)
    except OSError:
        os.rename(retired / "library", out)
        raise
    finally:
        sync_directory(out.parent)
        shutil.rmtree(retired, ignore_errors=True)
