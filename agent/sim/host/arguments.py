"""Arguments as the SDK's wrapper checks them: a wrong type is a TypeError (facts/pyspin-surface.md 2.7)."""

from __future__ import annotations


def integer(call: str, value: object) -> int:
    """`value` where it is an int; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{call} takes an int, not {value!r}")
    return value


def unsigned(call: str, value: object) -> int:
    """`value` where it is an int that is not negative."""
    number = integer(call, value)
    if number < 0:
        raise TypeError(f"{call} takes an unsigned int, not {value!r}")
    return number


def is_a(call: str, value: object, *kinds: type) -> None:
    """Refuse anything but an instance of `kinds`."""
    if not isinstance(value, kinds):
        wanted = " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"{call} takes {wanted}, not {type(value).__name__}")
