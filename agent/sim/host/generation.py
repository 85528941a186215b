"""Which generation of the SDK the names are of (facts/pyspin-surface.md 5); 4 unless a program needs an older one.

One value a process: the SDK is one per process, too. Chosen before the program starts (`sim exec --generation`), so
that handlers, constants and methods agree. Methods of one generation only are marked `@only(...)`: elsewhere the
attribute is absent, as on the real SDK, so that `hasattr` probes tell the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

from agent.errors import BadInput

Generation = Literal[1, 2, 3, 4]

generation: Generation = 4


def current() -> Generation:
    """The generation in force."""
    return generation


def select(wanted: int) -> None:
    """Be another generation from now on. Raises BadInput where there is none such."""
    global generation  # noqa: PLW0603 - one SDK, and so one generation, per process
    if wanted not in {1, 2, 3, 4}:
        raise BadInput("--generation", f"is {wanted}, allowed are 1, 2, 3 and 4")
    generation = cast(Generation, wanted)


@contextmanager
def selected(wanted: int) -> Iterator[None]:
    """Another generation for the length of the block."""
    before = current()
    select(wanted)
    try:
        yield
    finally:
        select(before)


class only:
    """Mark a method as there from generation `since` to generation `until`, both included."""

    def __init__(self, since: int = 1, until: int = 4) -> None:
        self._since, self._until = since, until
        self._function: Callable[..., Any] | None = None
        self._name = ""

    def __call__(self, function: Callable[..., Any]) -> only:
        self._function, self.__doc__ = function, function.__doc__
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"{owner.__name__!r} object has no attribute {name!r}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if self._function is None or not self._since <= generation <= self._until:
            raise AttributeError(self._name)
        return self._function.__get__(instance, owner)
