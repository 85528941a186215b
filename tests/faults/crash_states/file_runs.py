"""Code that replaces files, step by step and recorded; and what must be there after a power loss."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.crash_states.python_files import recorded
from tests.faults.crash_states.record import Record
from tests.faults.crash_states.states import State

publishing = importlib.import_module("agent.library.publish")  # `agent.library` has a function of that name
Look = Callable[[Path], Hashable]  # what lies below a folder, by the real code; raises where it cannot be used


class Killed(BaseException):
    """The process ends here; nobody handles it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One step. `killed_in`: module and name of a call; the process is killed where it gets a value of that name.

    `between`: what else may be there while it is under way.
    """

    work: Callable[[Path], object]
    killed_in: tuple[object, str, str] | None = None
    between: tuple[Hashable, ...] = ()


@dataclass
class Played:
    """A recorded run: what was there after each step, from 0 on, and what may have been there meanwhile."""

    record: Record
    look: Look
    outcomes: list[Hashable] = field(default_factory=list)
    between: list[tuple[Hashable, ...]] = field(default_factory=lambda: [()])


def play(root: Path, look: Look, parts: list[Part]) -> Played:
    played = Played(Record(root), look)
    played.outcomes.append(look(root))
    for number, part in enumerate(parts, start=1):
        with recorded(played.record) as files, pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "exchange", files.exchanging(publishing.exchange))
            played.record.step(number, done=False)
            if part.killed_in is None:
                part.work(root)
                played.record.step(number, done=True)
            else:
                _kill(part, root, patch)
        played.outcomes.append(look(root))
        played.between.append(part.between)
    return played


def fault(played: Played, state: State, folder: Path, durable: bool = True) -> str:
    """What is wrong with that disk; empty where nothing is. Not `durable`: what was acknowledged may be gone again."""
    state.write(folder)
    first = state.done if durable else 0
    allowed = [
        *played.outcomes[first : state.begun + 1],
        *(one for some in played.between[first + 1 :] for one in some),
    ]
    try:
        found = played.look(folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the machine would meet
        return f"a third state: {type(error).__name__}: {error}"
    return "" if found in allowed else f"found {found!r}, allowed is {allowed}"


def _kill(part: Part, root: Path, patch: pytest.MonkeyPatch) -> None:
    assert part.killed_in is not None
    module, name, last = part.killed_in
    genuine = getattr(module, name)

    def killed(path: Path, *values: object) -> object:
        if path.name == last:
            raise Killed
        return genuine(path, *values)

    patch.setattr(module, name, killed)
    with pytest.raises(Killed), _no_tidying(patch):
        part.work(root)


@contextmanager
def _no_tidying(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who is killed runs no `finally`."""
    patch.setattr(publishing.shutil, "rmtree", lambda *values, **options: None)
    yield
