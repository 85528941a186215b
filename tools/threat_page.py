"""Makes the tables of docs/explanation/security.md from tests/security; with --check it fails where they differ."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.security.threat import REACH, Entry, Threat  # noqa: E402
from tests.security.threats import THREATS  # noqa: E402

PAGE = ROOT / "docs" / "explanation" / "security.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page differs")
    check = parser.parse_args(argv).check
    before = PAGE.read_text(encoding="utf-8")
    after = filled(before)
    if check and after != before:
        sys.stderr.write("docs/explanation/security.md: not as tests/security says; run tools/threat_page.py\n")
        return 1
    if not check:
        PAGE.write_text(after, encoding="utf-8")
    return 0


def filled(page: str) -> str:
    """The page with its tables as they are now, each between its two marks."""
    for name, table in _tables().items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + "\n" + "\n".join(table()) + "\n\n" + end + rest.partition(end)[2]
    return page


def _tables() -> dict[str, Callable[[], Iterator[str]]]:
    return {"attackers": _attackers, "threats": _threats}


def _attackers() -> Iterator[str]:
    yield "| attacker | can reach |\n|---|---|"
    for attacker, reach in REACH.items():
        yield f"| {attacker.value} | {reach} |"


def _threats() -> Iterator[str]:
    for entry in Entry:
        rows = [threat for threat in THREATS if threat.entry is entry]
        if rows:
            yield f"### {entry.value[0].upper()}{entry.value[1:]}\n"
            yield "| id | attacker | threat | control | test |\n|---|---|---|---|---|"
            yield from (_row(threat) for threat in rows)
            yield ""


def _row(threat: Threat) -> str:
    file, _, test = threat.test.partition("::")
    control = threat.control.removeprefix("agent.").replace(":", ".")
    return (
        f"| {threat.id} | {threat.attacker.value} | {threat.threat} | `{control}` |"
        f" `{test}` in `{file.removeprefix('tests/')}` |"
    )


if __name__ == "__main__":
    sys.exit(main())
