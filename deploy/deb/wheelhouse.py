"""The wheels of a package: fetched once by their digests, then installed without the network."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from steps import ROOT, BuildFailed, run

LOCKS = ROOT / "deploy" / "lock"
_QUIET = ("--quiet", "--disable-pip-version-check")


def tools(folder: Path) -> Path:
    """The interpreter of a virtual environment with deploy/lock/tools.lock; made again where the lock changed."""
    python = folder / "bin" / "python"
    lock = LOCKS / "tools.lock"
    if _is_fresh(folder, lock) and python.exists():
        return python
    run(sys.executable, "-m", "venv", "--clear", folder)
    try:
        run(python, "-m", "pip", "install", *_QUIET, "--require-hashes", "--only-binary", ":all:", "-r", lock)
    except BuildFailed as exc:
        raise _not_fetched(lock, exc) from exc
    _stamp(folder, lock)
    return python


def fetch(python: Path, folder: Path) -> Path:
    """A folder with the wheels of simulation.lock, which holds agent.lock, for this interpreter; the only use of the
    network beside `tools`. Nothing is fetched where the folder is of this lock already."""
    lock = LOCKS / "simulation.lock"
    if _is_fresh(folder, lock):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    command = ("download", *_QUIET, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock, "-d", folder)
    try:
        run(python, "-m", "pip", *command)
    except BuildFailed as exc:
        raise _not_fetched(lock, exc) from exc
    _stamp(folder, lock)
    return folder


def install(python: Path, target: Path, wheels: Path, *wanted: str | Path) -> None:
    """Install wheels into the environment of the interpreter `target`: offline, nothing compiled, nothing resolved."""
    offline = ("--no-index", "--find-links", wheels, "--no-deps", "--no-compile", "--ignore-installed")
    run(python, "-m", "pip", "--python", target, "install", *_QUIET, "--no-warn-script-location", *offline, *wanted)


def _not_fetched(lock: Path, cause: BuildFailed) -> BuildFailed:
    return BuildFailed(f"the wheels of {lock.name} could not be fetched; is a package index reachable? {cause}")


def _is_fresh(folder: Path, lock: Path) -> bool:
    stamp = folder / "made-of"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _digest(lock)


def _stamp(folder: Path, lock: Path) -> None:
    (folder / "made-of").write_text(_digest(lock), encoding="utf-8")


def _digest(lock: Path) -> str:
    return f"{sys.version} {hashlib.sha256(lock.read_bytes()).hexdigest()}\n"
