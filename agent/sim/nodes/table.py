"""The words in which the camera's nodes are written down; `render.py` makes a GenICam device description of them.

Conditions and limits are formulas of the GenApi standard in which `{Feature}` is the value of a feature and
`{Feature.Entry}` the number of an enumeration entry, which differs from firmware to firmware.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

Kind = Literal["Integer", "Float", "Boolean", "Enumeration", "Command", "String", "Register"]
Access = Literal["RO", "RW", "WO"]
Visibility = Literal["Beginner", "Expert", "Guru", "Invisible"]
Limit = int | float | str | None

# A condition that most imaging nodes have: nothing of it changes while images are acquired.
STREAMING = "{TLParamsLocked}"


@dataclass(frozen=True, slots=True)
class Node:
    """One feature and its register.

    `live` values are made when they are read (or change without a write); the others are cached by the host until a
    user set is loaded. `selector` names the enumeration that chooses among the instances. `locked` and `available`
    are formulas. `new` nodes and `new_entries` came with firmware 1905.4.103; `old_display` is the name before it.
    `host` nodes are filled by the host from the last image, those of an `event` from its last event, in whose data they
    lie `at` (`agent.sim.events.LAYOUT`). `hidden` ones stand in no category.
    """

    kind: Kind
    name: str
    access: Access = "RW"
    default: int | float | str | None = None
    minimum: Limit = None
    maximum: Limit = None
    increment: int | None = None
    unit: str = ""
    size: int = 4
    signed: bool = False
    entries: tuple[str, ...] = ()
    new_entries: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    selector: str = ""
    locked: str = ""
    available: str = ""
    live: bool = False
    visibility: Visibility = "Beginner"
    display: str = ""
    old_display: str = ""
    tooltip: str = ""
    hex: bool = False
    length_from: str = ""
    invalidators: tuple[str, ...] = ()
    new: bool = False
    host: bool = False
    event: str = ""
    at: int = 0
    hidden: bool = False
    shared: bool = False  # selected, yet one register for all instances
    volatile: bool = False  # a value without a register, held by the host's node map alone


integer = partial(Node, "Integer")
real = partial(Node, "Float")
boolean = partial(Node, "Boolean")
enumeration = partial(Node, "Enumeration")
command = partial(Node, "Command", access="WO")
text = partial(Node, "String")
register = partial(Node, "Register")


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the tree under Root, and what stands in it in that order."""

    name: str
    content: tuple[Node | Category, ...]
    display: str = ""
    new: bool = False


def nodes_of(category: Category) -> tuple[Node, ...]:
    """Every node of a category and of those below it."""
    return tuple(
        node for item in category.content for node in (nodes_of(item) if isinstance(item, Category) else (item,))
    )
