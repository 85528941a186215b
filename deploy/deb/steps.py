"""What every step of a package build shares: programs that are run, the release, the time, the one clear error."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path("opt/ofa-agent")  # of the virtual environment, below the root of the file system
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = PREFIX / "lib" / PYTHON / "site-packages"
_NEEDED = {"dpkg-deb": "dpkg", "dpkg-shlibdeps": "dpkg-dev", "dpkg": "dpkg"}


class BuildFailed(Exception):
    """One line: what failed, on what, what to do."""


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Standard output of a program; BuildFailed with the end of what it said where it fails, in one line."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).split())[-800:]
        raise BuildFailed(f"{' '.join(words[:6])} ...: exit code {done.returncode}: {last}")
    return done.stdout


def check_machine() -> None:
    """BuildFailed where the interpreter is not the release's own, or one of Debian's tools is missing."""
    if Path(sys.base_prefix) != Path("/usr"):
        raise BuildFailed(f"{sys.executable} is not the release's Python: run /usr/bin/python3 {sys.argv[0]}")
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise BuildFailed(f"{sys.executable} is Python {platform.python_version()}, ofa-agent runs on 3.10 to 3.13")
    missing = {package for program, package in _NEEDED.items() if shutil.which(program) is None}
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        missing.add("python3-venv")
    # What the simulated camera's GenICam is linked with; dpkg-shlibdeps looks it up.
    if not any(Path("/usr/lib").glob(f"*/lib{PYTHON}.so.1.0")):
        missing.add(f"lib{PYTHON}")
    if missing:
        names = " ".join(sorted(missing))
        raise BuildFailed(f"this machine lacks {names}, which packages are made with: apt install {names}")


def source_date_epoch(root: Path = ROOT) -> int:
    """SOURCE_DATE_EPOCH, else the time of the last commit, else that of the changelog: the time of all files."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told:
        return int(told)
    try:
        return int(run("git", "-c", f"safe.directory={root}", "-C", root, "log", "-1", "--format=%ct"))
    except (BuildFailed, FileNotFoundError, ValueError):
        return int((root / "CHANGELOG.md").stat().st_mtime)


def release(file: Path = Path("/etc/os-release")) -> str:
    """The release that a package is for, as its version tells it: debian12, ubuntu24.04."""
    fields = dict(
        line.rstrip("\n").split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if "=" in line
    )
    return fields["ID"].strip('"') + fields.get("VERSION_ID", "").strip('"')
