"""What is put in a control's place, for controls of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Put = Callable[[Any], Any]


def nothing(real: Any) -> Any:
    """A check that says nothing."""
    return lambda *_, **__: None


def value(stand_in: Any) -> Put:
    """That value, whatever is there."""
    return lambda real: stand_in


def same(real: Any) -> Any:
    """A function that gives back what it is given first."""
    return lambda given, *_, **__: given


def without_options(*names: str) -> Put:
    """gRPC is not told these."""

    def put(real: Any) -> Any:
        return lambda self: [(name, given) for name, given in real(self) if name not in names]

    return put
