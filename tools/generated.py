"""What every tool does that makes one page from the sources: write it, or say that it differs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def run(
    path: Path, name: str, page: Callable[[], str], tool: str, about: str, argv: Sequence[str] | None = None
) -> int:
    """Write `page()` to `path`, or with --check say that it differs; returns the exit code.

    `name`: what the page is called; `tool`: what makes it again; `about`: the tool's description.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page differs")
    check, text = parser.parse_args(argv).check, page()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if check:
        sys.stderr.write(f"{name}: not as its sources have it; run {tool}\n")
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return 0
