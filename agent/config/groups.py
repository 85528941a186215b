"""The `groups:` section: cameras of one line, each camera in one group at most (interfaces.md section 4)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from agent.config.reading import Section
from agent.config.schema import WAIT_S, Group

MAX_GROUPS = 16


def read_groups(top: Section, cameras: Sequence[str]) -> tuple[Group, ...]:
    """The groups of `cameras`, the names in the file. Raises ConfigError."""
    if not top.has("groups"):
        return ()
    groups: list[Group] = []
    for section in top.sections("groups"):
        name = section.name()
        if any(name == other.name for other in groups):
            section.fail("name", f"{name!r} is the name of another group")
        members = _members(section, cameras, groups)
        groups.append(
            Group(
                name=name,
                cameras=members,
                max_concurrent_swaps=_at_once(section, len(members)),
                wait_s=section.number("wait_s", "seconds", 1, 3_600, WAIT_S),
            )
        )
        section.finish()
    if len(groups) > MAX_GROUPS:
        top.fail("groups", f"{len(groups)} groups, at most {MAX_GROUPS} are possible")
    return tuple(groups)


def _members(section: Section, cameras: Sequence[str], others: Sequence[Group]) -> tuple[str, ...]:
    members: list[str] = []
    for name, refuse in section.words("cameras"):
        if name not in cameras:
            near = difflib.get_close_matches(name, cameras, 1)
            refuse(f"{name!r} is not a camera; " + (f"did you mean {near[0]!r}?" if near else ", ".join(cameras)))
        if name in members:
            refuse(f"{name!r} is named twice")
        other = next((group.name for group in others if name in group.cameras), None)
        if other is not None:
            refuse(f"{name!r} is in group {other!r} already; a camera has one line")
        members.append(name)
    return tuple(members) if members else section.fail("cameras", "is empty; name at least one camera")


def _at_once(section: Section, members: int) -> int:
    """Less than all of them, so that one camera sees while the others swap; a lone camera has nobody to wait for."""
    asked = section.whole("max_concurrent_swaps", "cameras", 0, 1_000, 1)
    most = max(1, members - 1)
    if not 1 <= asked <= most:
        seeing = ", so that one sees while the others swap" if members > 1 else ""
        section.fail(
            "max_concurrent_swaps", f"{asked} is not within 1 to {most}: the group has {members} camera(s){seeing}"
        )
    return asked
