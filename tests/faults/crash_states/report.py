"""Going through states, and saying in one line how many there were."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.faults.crash_states.record import UNRECORDED, Record
from tests.faults.crash_states.states import State, Tree, final_tree

_MEMORY = Path("/dev/shm")


def failures(
    states: Iterable[State],
    fault: Callable[[State, Path], str],
    what: str,
    most: int = 20,
    counted: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """What is wrong with which state, at most so many; the count goes to `counted` and to standard error."""
    found: list[str] = []
    count = 0
    for state in states:
        count += 1
        with tempfile.TemporaryDirectory(prefix="crash-", dir=_memory()) as folder:
            wrong = fault(state, Path(folder))
        if wrong:
            found.append(f"point {state.point}, {state.done} done of {state.begun} begun: {wrong}")
            if len(found) >= most:
                break
    counted(count)
    sys.stderr.write(f"crash_states what={what!r} states={count} failures={len(found)}\n")
    return found


def unrecorded(record: Record) -> str:
    """How the folder differs from what was recorded of it; empty where it does not: nothing went past the record."""
    there: Tree = {
        str(path.relative_to(record.root)): None if path.is_dir() else path.read_bytes()
        for path in record.root.rglob("*")
        if not path.name.endswith(UNRECORDED)
    }
    known = final_tree(record)
    paths = sorted(path for path in {*there, *known} if there.get(path, b"?") != known.get(path, b"?"))
    return f"differ: {paths}" if paths else ""


def _memory() -> Path | None:
    """Looking at a state need not wait for a disk."""
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None
