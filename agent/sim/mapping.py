"""Frozen dataclasses from plain mappings: unknown keys and values out of range are refused with the full key."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from agent.errors import BadInput

T = TypeVar("T")

# Named values that a field of a type may be given by: {type: {name: value}}.
Named = Mapping[type, Mapping[str, Any]]


def limits(low: float, high: float) -> dict[str, tuple[float, float]]:
    """Metadata of a field that allows `low` to `high`."""
    return {"limits": (low, high)}


def build(kind: type[T], mapping: object, path: str, named: Named | None = None) -> T:
    """One `kind` from plain data at `path`; raises BadInput naming the key."""
    if not isinstance(mapping, Mapping):
        raise BadInput(path or "simulation", f"is {type(mapping).__name__}, wanted a mapping")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(typing.cast(Any, kind))}
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        name = f"{path}.{key}" if path else str(key)
        if key not in known:
            raise BadInput(name, f"is unknown, allowed are {', '.join(known)}")
        values[key] = _convert(hints[key], value, name, named or {})
        _check_limits(known[key], values[key], name)
    try:
        return kind(**values)
    except BadInput as exc:
        raise BadInput(f"{path}.{exc.field}" if path else exc.field, exc.description) from exc
    except TypeError as exc:
        raise BadInput(path or "simulation", str(exc)) from exc


def _convert(hint: Any, value: Any, name: str, named: Named) -> Any:
    """`value` as the type of the field, or BadInput."""
    if hint in named and isinstance(value, str):
        return _choose(named[hint], value, name)
    if dataclasses.is_dataclass(hint):
        kind = typing.cast(type, hint)
        return value if isinstance(value, kind) else build(kind, value, name, named)
    if typing.get_origin(hint) is tuple:
        return _sequence(typing.get_args(hint)[0], value, name, named)
    if typing.get_origin(hint) is Literal:
        return _choose({v: v for v in typing.get_args(hint)}, value, name)
    return _plain(hint, value, name)


def _plain(hint: Any, value: Any, name: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = dict if isinstance(hint, types.GenericAlias) or typing.get_origin(hint) is not None else hint
    if not isinstance(value, Mapping if wanted is dict else wanted) or (hint is int and isinstance(value, bool)):
        raise BadInput(name, f"is {value!r}, wanted {getattr(wanted, '__name__', wanted)}")
    return value


def _sequence(hint: Any, value: Any, name: str, named: Named) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise BadInput(name, f"is {value!r}, wanted a list")
    return tuple(_convert(hint, v, f"{name}[{i}]", named) for i, v in enumerate(value))


def _choose(options: Mapping[str, T], value: object, name: str) -> T:
    if not isinstance(value, str) or value not in options:
        raise BadInput(name, f"is {value!r}, allowed are {', '.join(options)}")
    return options[value]


def _check_limits(spec: dataclasses.Field[Any], value: Any, name: str) -> None:
    allowed = spec.metadata.get("limits")
    if allowed is not None and not allowed[0] <= value <= allowed[1]:
        raise BadInput(name, f"is {value}, allowed is {allowed[0]} to {allowed[1]}")
