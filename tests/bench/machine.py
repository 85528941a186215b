"""What figures were measured on: told beside them, since none of them means much without."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = ("grpcio", "protobuf", "msgspec", "numpy", "openvino", "aiohttp", "uvloop")
ROOT = Path(__file__).resolve().parents[2]


def describe() -> dict[str, object]:
    """The machine now: processor, cores, memory in GiB, kernel, Python, packages, load, and the commit measured."""
    return {
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "load": [round(one, 2) for one in os.getloadavg()],
        "commit": commit(),
    }


def processor(table: Path) -> str:
    """The processor's name, where the system tells one."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "unknown")


def commit() -> str:
    """The commit that is measured, with `+` where files differ from it; empty outside a repository."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def words(found: dict[str, object]) -> str:
    """One line of it."""
    load = found["load"]
    assert isinstance(load, list)
    return (
        f"{found['cores']} cores of {found['processor']}, {found['memory_gib']} GiB, {found['system']}, "
        f"{found['python']}, load {load[0]}, commit {found['commit'] or 'unknown'}"
    )
