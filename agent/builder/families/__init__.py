"""The supernet families that can be read, one file each: a module of this folder with a `FAMILY`.

Nothing lists them: a file that is put here is found (docs/how-to/add-a-supernet-family.md). What they share is in
`base`, `mobile` and `agent.builder.cutter`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from agent.builder.errors import WrongFamily
from agent.builder.families.base import Family, Source
from agent.builder.plan import Weights

__all__ = ["Family", "Source", "families", "family_for"]

_SHOWN = 3


@functools.cache
def families() -> tuple[Family, ...]:
    """All families by name. Raises WrongFamily where two files claim one name."""
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        family: Family | None = getattr(importlib.import_module(module.name), "FAMILY", None)
        if family is None:
            continue
        if family.name in found:
            raise WrongFamily(f"{module.name}: family {family.name!r} is already that of another file")
        found[family.name] = family
    return tuple(found[name] for name in sorted(found))


def family_for(name: str | None, weights: Weights, where: str) -> Family:
    """The family called `name`, or the one that the weights' names show. Raises WrongFamily."""
    if name is not None:
        for family in families():
            if family.name == name:
                return family
        known = ", ".join(family.name for family in families())
        raise WrongFamily(f"{where}: family {name!r} is unknown; known: {known}")
    fitting = [family for family in families() if family.recognises(weights)]
    if len(fitting) != 1:
        found = " and ".join(family.name for family in fitting) or "no known supernet family"
        some = ", ".join(list(weights)[:_SHOWN])
        raise WrongFamily(f"{where}: the names of its {len(weights)} weights fit {found}: {some}, ...")
    return fitting[0]
