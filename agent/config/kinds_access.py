"""Kinds of values that say where clients come in, and what each of them may do; see agent.config.kinds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.config.document import clipped
from agent.config.kinds import Text
from agent.config.reading import Section
from agent.config.schema import Plain
from agent.domain.access import Role
from agent.domain.identity import LONGEST_URI, PATTERN, ROLES, pattern_problem

LISTEN_PATTERN = r"^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):[0-9]{1,5}$"
UNIX_PATTERN = r"^@?(?:[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?)$"  # useradd(8), or a number that has no name
_WORDS = ", ".join(f"`{role.value}`" for role in ROLES)


@dataclass(frozen=True)
class Listen(Text):
    """An address of this machine and a port."""

    words: str = "`HOST:PORT` or `[IPv6]:PORT`"
    example: str = "0.0.0.0:7443"

    def read(self, section: Section, key: str) -> str:
        text = section.word(key)
        if (wrong := listen_problem(text, self.example)) is not None:
            section.fail(key, f"{clipped(text)!r} {wrong}")
        return text

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "pattern": LISTEN_PATTERN}


def listen_problem(text: str, example: str) -> str | None:
    """Why nothing can listen there; None where it has the right shape. `example` is told where it has none."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        return f"has no port; write HOST:PORT, such as {example}"
    if not re.fullmatch(LISTEN_PATTERN, text):
        return "is not HOST:PORT or [IPv6]:PORT"
    if int(port) > 65_535:
        return f"has port {port}; ports end at 65535"
    bare = host.strip("[]")
    return None if bare == host and not re.fullmatch(r"[0-9.]+", host) else _address_problem(bare, host)


def _address_problem(bare: str, host: str) -> str | None:
    try:
        version = ipaddress.ip_address(bare).version
    except ValueError:
        return f"has an address {bare!r} that is none"
    return None if (version == 6) == (bare != host) else f"has an address {host!r} that is none"


@dataclass(frozen=True)
class Roles:
    """A mapping of names to roles."""

    words: str = f"mapping of URIs, or patterns that end in `/*`, to {_WORDS}"
    pattern: str = PATTERN
    longest: int = LONGEST_URI
    problem: Callable[[str], str | None] = pattern_problem

    def read(self, section: Section, key: str) -> Mapping[str, Role]:
        found: dict[str, Role] = {}
        for name, word, refuse in section.entries(key):
            wrong = self.problem(name)
            if wrong is not None:
                refuse(f"{clipped(name)!r} {wrong}")
            role = next((role for role in ROLES if role.value == word), None)
            found[name] = role or refuse(f"{clipped(word)!r} is not one of {', '.join(r.value for r in ROLES)}")
        return found

    def plain(self, value: Mapping[str, Role] | None) -> Plain:
        return None if value is None else {name: role.value for name, role in value.items()}

    def schema(self) -> dict[str, Plain]:
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": self.pattern, "maxLength": self.longest},
            "additionalProperties": {"enum": [role.value for role in ROLES]},
        }


def _unix_problem(name: str) -> str | None:
    return None if re.fullmatch(UNIX_PATTERN, name) else "is neither a user nor, with an '@' before it, a group"


@dataclass(frozen=True)
class UnixRoles(Roles):
    """As Roles, by users and groups of this machine."""

    words: str = f"mapping of users, or `@group`s, by name or number, to {_WORDS}"
    pattern: str = UNIX_PATTERN
    longest: int = 34
    problem: Callable[[str], str | None] = _unix_problem
