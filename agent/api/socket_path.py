"""The path of the agent's socket: taken over from the dead, never from the living."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.errors import BadInput, Refused

MODE = 0o660
MODE_WITH_ROLES = 0o666  # who may do what is then told by roles, after connecting
LONGEST_PATH = 107  # bytes in sockaddr_un.sun_path, less its end
OTHER_DESCRIPTORS = 512  # for all that is no connection: cameras, journal, library
PROBE_S = 0.5  # a server that lives accepts at once; one that hangs still owns its socket


def claim(path: Path) -> None:
    """Make `path` free to be bound; blocks at most PROBE_S.

    Raises BadInput for a path that no socket can have, Refused where another process serves it.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise BadInput("api.unix_socket", f"{path} is longer than {LONGEST_PATH} bytes; choose a shorter path")
    if not path.parent.is_dir():
        raise BadInput("api.unix_socket", f"{path.parent} is not a folder; create it")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise BadInput("api.unix_socket", f"{path} is there and is no socket; move it away or choose another path")
    if _is_served(path):
        raise Refused(f"{path}: another process serves this socket; stop it or choose another path")
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def created_with_mode(mode: int) -> Iterator[None]:
    """Sockets made within have that mode from their first moment; the umask is the whole process's."""
    before = os.umask(0o777 & ~mode)
    try:
        yield
    finally:
        os.umask(before)


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what is at `path`; None where nothing is."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def make_room(descriptors: int) -> None:
    """Let this process have so many descriptors for its connections, as far as its hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors + OTHER_DESCRIPTORS
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # full backlog, no permission: somebody has it
            return True
    return True
