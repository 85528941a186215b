"""A clean copy of the sources, so that a build neither reads nor leaves build output in the checkout."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)
# All that the wheel and the packages are made of.
PARTS = ("agent", "deploy", "systemd", "proto", "docs", "pyproject.toml", "setup.py", "MANIFEST.in")
PAGES = ("README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md")


def export(root: Path, out: Path, version: str | None = None) -> str:
    """Copy what git knows or would take (all that is there, without git) to `out`; the version that it then is."""
    for name in _names(root):
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    project = out / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    if version is not None:
        text = _VERSION.sub(f'version = "{version}"', text, count=1)
        project.write_text(text, encoding="utf-8")
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"{project}: no version")
    return found[1]


def _names(root: Path) -> list[str]:
    wanted = [name for name in (*PARTS, *PAGES) if (root / name).exists()]
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run([*git, "--", *wanted], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(root, wanted))
    return sorted(name for name in listed.split("\0") if name and (root / name).is_file())


def _walk(root: Path, wanted: list[str]) -> list[str]:
    files = [path for name in wanted for path in (root / name, *(root / name).rglob("*")) if path.is_file()]
    return [str(path.relative_to(root)) for path in files if "__pycache__" not in path.parts]
