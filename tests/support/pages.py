"""The documentation as its readers copy it: fenced blocks with the marks above them, and commands within the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\w*)\s*$")
_MARK = re.compile(r"<!-- not run: (.+?) -->")
_INLINE = re.compile(r"`(ofa-agent [^`]+)`")
_OPENERS = {"for": "done", "if": "fi", "while": "done"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `mark` is the reason of `<!-- not run: reason -->` right above it, '' where there is none."""

    page: str
    line: int
    end: int
    language: str
    text: str
    mark: str

    def follows(self, other: Block | None) -> bool:
        """Whether there is nothing but one empty line between the two."""
        return other is not None and self.line <= other.end + 2

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page, relative to the repository."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found if "node_modules" not in path.parts)


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page in their order; one without a language is output."""
    found: list[Block] = []
    lines = iter(enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), start=1))
    above = ""
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence:
            mark = _MARK.fullmatch(above)
            rows = [row[len(fence[1]) :] for row in _until_closed(lines)]
            text = "".join(f"{row}\n" for row in rows)
            found.append(Block(page, number, number + len(rows) + 1, fence[2], text, mark[1] if mark else ""))
        above = line.strip()
    return found


def _until_closed(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line
    raise ValueError("a fenced block is not closed")


def statements(text: str) -> list[str]:
    """A shell block one statement at a time: continued lines joined, loops whole, lines of comment left out."""
    found: list[str] = []
    closer = ""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if closer:
            found[-1] += f"\n{line}"
        else:
            found.append(line.strip())
            closer = _OPENERS.get(line.split()[0], "")
        if line.strip() == closer:
            closer = ""
    return found


def inline_commands(page: str) -> list[str]:
    """Commands of `ofa-agent` that stand within the text, between backticks."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [" ".join(found.split()) for found in _INLINE.findall(text)]
