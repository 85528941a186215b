"""What a support bundle tells of the machine: versions, limits, space. Nothing here touches a camera or the daemon."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import stat
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

_SDK = ("spinnaker-python", "PySpin")  # the wheel's names; it is not imported, which could take the camera
_TOLD = ("LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
_FILES_MOST = 500
_LIMITS = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_RTPRIO")
_KERNEL = {  # of use when a USB camera misbehaves
    "usbfs_memory_mb": "/sys/module/usbcore/parameters/usbfs_memory_mb",
    "load": "/proc/loadavg",
    "uptime_s": "/proc/uptime",
    "memory": "/proc/meminfo",
}


def versions() -> dict[str, object]:
    """Agent, Python, libraries, system and SDK."""
    installed = sorted({(dist.metadata["Name"] or "?", dist.version) for dist in metadata.distributions()})
    sdk = {name: version for name, version in installed if name in _SDK}
    return {
        "agent": metadata.version("ofa-agent"),
        "python": sys.version,
        "system": {"kernel": platform.platform(), "machine": platform.machine(), **_os_release()},
        "sdk": sdk or "not installed",
        "libraries": dict(installed),
    }


def limits() -> dict[str, object]:
    """Limits of this process, which are those of a daemon started by the same user, and of the kernel."""
    found = {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS if hasattr(resource, name)}
    return {
        "user": {"uid": os.geteuid(), "groups": os.getgroups()},
        "cpus": os.cpu_count(),
        "limits": {name: {"soft": soft, "hard": hard} for name, (soft, hard) in found.items()},
        **{name: _first_line(Path(path)) for name, path in _KERNEL.items()},
    }


def environment(variables: dict[str, str]) -> dict[str, object]:
    """The agent's own variables and those that change how programs behave; of others there is no word."""
    return {name: value for name, value in sorted(variables.items()) if name.startswith("OFA_") or name in _TOLD}


def space(places: Iterable[Path]) -> dict[str, object]:
    """Free space where each place is, and the files in it."""
    return {str(place): _place(place) for place in places}


def _place(place: Path) -> dict[str, object]:
    try:
        usage, nodes = shutil.disk_usage(place), os.statvfs(place)
        files = [_file(path, place) for path in sorted(place.rglob("*"))[:_FILES_MOST]] if place.is_dir() else []
    except OSError as exc:
        return {"error": str(exc)}
    return {
        "total_bytes": usage.total,
        "free_bytes": usage.free,
        "free_files": nodes.f_favail,
        "read_only": bool(nodes.f_flag & os.ST_RDONLY),
        "files": files,
    }


def _file(path: Path, place: Path) -> dict[str, object]:
    found = path.lstat()
    return {
        "name": str(path.relative_to(place)),
        "size_bytes": found.st_size,
        "mode": stat.filemode(found.st_mode),
        "uid": found.st_uid,
        "changed": datetime.fromtimestamp(found.st_mtime, timezone.utc).isoformat(),
    }


def _os_release() -> dict[str, str]:
    try:
        return {"os": platform.freedesktop_os_release().get("PRETTY_NAME", "")}
    except OSError:
        return {}


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").partition("\n")[0].strip()
    except OSError as exc:
        return f"not readable: {exc.strerror}"
