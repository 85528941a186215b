"""Where every MiB of a daemon's memory goes: `python -m tests.bench.memory`.

What is imported is told part by part, each by how much it adds to an interpreter that has imported the parts before it;
what a daemon takes beyond that on a running line is told by what the memory holds. Resident memory, as in `rss.*`.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import psutil

from tests.bench.page import SETTLE_S
from tests.support.libraries import build_ladder
from tests.system.station import Station

REPEATS = 3
# What a daemon loads, in this order; its own modules come last, so that what they use is not counted as theirs.
PARTS = (
    (
        "host half of the simulation (elsewhere the vendor's SDK), with numpy",
        "agent.sim.pyspin agent.sim.remote",
    ),
    ("gRPC and protobuf", "grpc grpc.aio google.protobuf.json_format agent.pb.ofa_agent.v1.control_pb2"),
    ("msgspec, YAML, click, anyio, SQLite", "msgspec yaml click anyio anyio._backends._asyncio sqlite3"),
    ("the agent's own modules", "agent.cli.run agent.config.last_good agent.app"),
)
# On top of these, where the config asks for them.
EXTRAS = (
    ("library.trusted_keys: signatures", "cryptography.hazmat.primitives.serialization"),
    ("api.tcp: certificates", "agent.api.tls_door"),
    ("web: the page's server", "agent.web.server"),
)
_STEPS = """\
import importlib, sys
def resident():
    with open("/proc/self/statm") as file:
        words = file.read().split()
    print(int(words[1]) * 4096, int(words[2]) * 4096)  # all, and what belongs to files
resident()
for names in sys.argv[1:]:
    for name in names.split():
        importlib.import_module(name)
    resident()
"""
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)\s*(.*)$")
MEMORY, FILES = "objects and buffers, of Python and of C", 8
_MIB = 2**20


class Imported:
    """Medians of some interpreters that import PARTS, then EXTRAS, in MiB."""

    def __init__(self) -> None:
        runs = [_steps([names for _, names in (*PARTS, *EXTRAS)]) for _ in range(REPEATS)]
        self._all = [statistics.median(run[place][0] for run in runs) for place in range(len(runs[0]))]
        self.files = statistics.median(run[len(PARTS)][1] for run in runs)  # of PARTS

    def parts(self) -> list[tuple[str, float]]:
        """What each adds to those before it."""
        names = ["Python itself", *(what for what, _ in PARTS)]
        return list(zip(names, [self._all[0], *self._added()], strict=False))

    def extras(self) -> list[tuple[str, float]]:
        return list(zip([what for what, _ in EXTRAS], self._added()[len(PARTS) :], strict=True))

    def _added(self) -> list[float]:
        return [after - before for before, after in pairwise(self._all)]


def _steps(words: Sequence[str]) -> list[tuple[float, float]]:
    """Resident MiB at first and after each step: all, and of files."""
    done = subprocess.run([sys.executable, "-c", _STEPS, *words], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(int(resident) / _MIB, int(files) / _MIB) for resident, files in lines]


def mapped(pid: int) -> dict[str, float]:
    """Resident MiB of a process by what is mapped there, most first; what belongs to no file is MEMORY."""
    found: Counter[str] = Counter()
    what = ""
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        mapping = _MAPPING.match(line)
        if mapping is not None:
            what = MEMORY if mapping[1] == "0" else Path(mapping[2]).name
        elif line.startswith("Rss:"):
            found[what] += int(line.split()[1])
    return {what: kib / 1024 for what, kib in found.most_common()}


def _table(title: str, rows: Iterable[tuple[str, float]]) -> str:
    lines = [f"| {title} | MiB |", "|---|---|", *(f"| {what} | {mib:.1f} |" for what, mib in rows)]
    return "\n".join(lines) + "\n"


def _by_part(total: float, of_files: float, loaded: Imported) -> Iterator[tuple[str, float]]:
    parts = loaded.parts()
    yield from parts
    files = of_files - loaded.files
    yield "one camera on a running line: code that was not touched before", files
    yield "and its node maps, journal, model, buffers, threads", total - files - sum(mib for _, mib in parts)
    yield "all of it", total
    yield "all of it less Python and the first part (`rss.daemon_mib`)", total - parts[0][1] - parts[1][1]


def _by_mapping(now: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    yield MEMORY, now[MEMORY]
    files = [(what, mib) for what, mib in now.items() if what != MEMORY]
    yield from files[:FILES]
    yield f"{len(files) - FILES} other files", sum(mib for _, mib in files[FILES:])


def main() -> None:
    """Print the tables. Takes about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        build_ladder(Path(folder))
        with Station(Path(folder) / "library") as station:
            time.sleep(SETTLE_S)
            now, daemon = mapped(station.pid("daemon")), psutil.Process(station.pid("daemon")).memory_info()
    loaded = Imported()
    tables = (
        _table("part", _by_part(daemon.rss / _MIB, daemon.shared / _MIB, loaded)),
        _table("the same by what is mapped", _by_mapping(now)),
        _table("more, where the config has it (one imported after the other)", loaded.extras()),
    )
    sys.stdout.write("\n".join(tables))


if __name__ == "__main__":
    main()
