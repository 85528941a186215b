"""How the tables of node names are written: names in one string for each kind of node."""

from __future__ import annotations

from typing import Literal

Kind = Literal["integer", "float", "boolean", "string", "command", "enumeration", "register"]


def by_name(*groups: dict[Kind, str]) -> dict[str, Kind]:
    """Name to kind of all groups."""
    return {name: kind for group in groups for kind, names in group.items() for name in names.split()}
