"""Bounded reads and durable writes of library files."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from agent.errors import BlobInvalid, BlobMissing, DigestMismatch


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Content of a regular file of at most `limit_bytes`; symbolic links are not followed.

    Raises BlobMissing, BlobInvalid.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise BlobMissing(f"{path}: missing; copy the file or the whole library again") from exc
    except OSError as exc:
        raise BlobInvalid(f"{path}: cannot be opened: {exc.strerror}") from exc
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise BlobInvalid(f"{path}: not a regular file")
    with os.fdopen(handle, "rb") as file:
        # The size is asked first: a sparse file of terabytes costs nothing to make.
        data = b"" if found.st_size > limit_bytes else file.read(found.st_size + 1)
    if max(found.st_size, len(data)) > limit_bytes:
        raise BlobInvalid(f"{path}: {found.st_size} bytes, more than the {limit_bytes} bytes expected")
    return data


def check_stat(path: Path, size_bytes: int | None = None) -> None:
    """Cheap check that a file is there, with the declared size if any.

    Raises BlobMissing, BlobInvalid, DigestMismatch.
    """
    try:
        found = path.lstat()
    except FileNotFoundError as exc:
        raise BlobMissing(f"{path}: missing; copy the file or the whole library again") from exc
    if not stat.S_ISREG(found.st_mode):
        raise BlobInvalid(f"{path}: not a regular file")
    if size_bytes is not None and found.st_size != size_bytes:
        raise DigestMismatch(f"{path}: {found.st_size} bytes, the manifest says {size_bytes}")


def check_digest(data: bytes, sha256: str, path: Path) -> None:
    """Raises DigestMismatch unless `data` hashes to `sha256` (hex)."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DigestMismatch(f"{path}: sha256 {actual}, expected {sha256}")


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Wait until the entries of a directory are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
