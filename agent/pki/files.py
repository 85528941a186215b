"""Files of a CA: written whole and durable or not at all, secrets for their owner only, one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import BadInput

SECRET, PUBLIC, FOLDER = 0o600, 0o644, 0o700
_LOCK = ".lock"


def write(path: Path, data: bytes, mode: int) -> None:
    """Put `data` in the place of what is there, if anything; afterwards it is on the disk.

    For a caller who has the folder's lock: the name of the temporary file is fixed, so that a kill leaves one at most.
    """
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(handle)
    os.replace(new, path)
    sync(path.parent)


def make_folder(path: Path) -> None:
    """A folder for its owner only, on the disk, with those above it; one that is there stays as it is."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(FOLDER)
    path.chmod(FOLDER)
    sync(path.parent)


def point(link: Path, to: Path) -> None:
    """Make `link` a symbolic link to `to` in one step, whatever it was before; both may move together."""
    make_folder(link.parent)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(to, link.parent))
    os.replace(new, link)
    sync(link.parent)


def publish(new: Path, folder: Path) -> None:
    """Give a finished folder its name; raises BadInput where something is there."""
    sync(new)
    try:
        os.rename(new, folder)  # takes the place of an empty folder, and of nothing else
    except OSError as exc:
        if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise BadInput("DIR", f"{folder} exists and is not an empty folder; a CA is never overwritten") from exc
    sync(folder.parent)


def sibling(folder: Path) -> Path:
    """A new name next to `folder`."""
    return folder.with_name(f".{folder.name}.new-{secrets.token_hex(4)}")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else writes in this folder meanwhile; raises BadInput where somebody does."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SECRET)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BadInput("DIR", f"another `ofa-agent pki` is at work in {folder}; try again when it is done") from exc
        yield
    finally:
        os.close(handle)


def sync(folder: Path) -> None:
    """Wait until the entries of a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
