"""Bounded reads and durable writes of library files."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import BlobInvalid, BlobMissing, DigestMismatch, LibraryError

# A pipe is opened without waiting for a writer, and then refused for what it is.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Content of a regular file of at most `limit_bytes`; symbolic links are not followed.

    Raises BlobMissing, BlobInvalid.
    """
    with _opening(path):
        handle = os.open(path, _READ)
    return _content(handle, path, limit_bytes)


def read_member(root: Path, name: str, limit_bytes: int) -> bytes:
    """As `read_regular`, for a file of a library: no folder between it and `root` may be a link either, nor `root`."""
    path = root / name
    with _opening(path), _folder(root, os.path.dirname(name)) as folder:
        handle = os.open(path.name, _READ, dir_fd=folder)
    return _content(handle, path, limit_bytes)


def check_member(root: Path, name: str, size_bytes: int | None = None) -> None:
    """Cheap check that `read_member` would find a file, with the declared size if any.

    Raises BlobMissing, BlobInvalid, DigestMismatch.
    """
    check_members(root, ((name, size_bytes),))


def check_members(root: Path, wanted: Iterable[tuple[str, int | None]]) -> None:
    """`check_member` for each of these names and sizes; a folder is opened once for all that lie in it."""
    folders: dict[str, dict[str, set[int | None]]] = {}
    for name, size_bytes in wanted:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, {}).setdefault(file, set()).add(size_bytes)
    for folder, files in folders.items():
        with _opening(root / folder / next(iter(files))), _folder(root, folder) as handle:
            for file, sizes in files.items():
                _check_file(root, f"{folder}/{file}", handle, sizes)


def _check_file(root: Path, name: str, folder: int, sizes: Iterable[int | None]) -> None:
    """`folder` is that of the file, open."""
    try:
        found = os.stat(name.rpartition("/")[2], dir_fd=folder, follow_symlinks=False)
    except OSError:
        with _opening(root / name):
            raise
    if not stat.S_ISREG(found.st_mode):
        raise BlobInvalid(f"{root / name}: not a regular file")
    for size_bytes in sizes:
        if size_bytes is not None and found.st_size != size_bytes:
            raise DigestMismatch(f"{root / name}: {found.st_size} bytes, the manifest says {size_bytes}")


def has_member(root: Path, name: str) -> bool:
    """Whether `check_member` would find a regular file."""
    try:
        check_member(root, name)
    except LibraryError:
        return False
    return True


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise BlobMissing(f"{path}: missing; copy the file or the whole library again") from exc
    except OSError as exc:
        raise BlobInvalid(f"{path}: cannot be opened: {exc.strerror}") from exc


@contextmanager
def _folder(root: Path, name: str) -> Iterator[int]:
    """The folder of that name, opened from `root` on without following a link."""
    folder = os.open(root, _FOLDER)
    try:
        for part in Path(name).parts:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _content(handle: int, path: Path, limit_bytes: int) -> bytes:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise BlobInvalid(f"{path}: not a regular file")
    try:
        with os.fdopen(handle, "rb") as file:
            # The size is asked first: a sparse file of terabytes costs nothing to make.
            data = b"" if found.st_size > limit_bytes else file.read(found.st_size + 1)
    except OSError as exc:
        raise BlobInvalid(f"{path}: cannot be read: {exc.strerror}") from exc
    if max(found.st_size, len(data)) > limit_bytes:
        raise BlobInvalid(f"{path}: {found.st_size} bytes, more than the {limit_bytes} bytes expected")
    return data


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


def make_folder(path: Path) -> None:
    """A folder and those above it are there, and stay so over a power loss. Raises OSError."""
    there = path.is_dir()
    if not there:
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
    # Also where it was there: whoever made it may have died before it was durable.
    with contextlib.suppress(OSError):  # a folder that may not be read, or a file system that cannot
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Wait until the entries of a directory are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders of one file system change places in one step, which a crash cannot halve.

    False where the system or the file system cannot (renameat2 of Linux 3.15; not on NFS). Raises OSError.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
