"""Names of clients elsewhere (URIs of their certificates), and the patterns by which a config gives them roles."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.domain.access import Role

LONGEST_URI = 96  # so that a client's name, `URI#name`, has room for the second half
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"
_CHARACTER = '[!"$-)+-~]'  # printable ASCII without blank, `#` and `*`
_IN_HOST = '[!"$-)+-.0-~]'  # nor `/`
_BELOW = rf"{_SCHEME}//{_IN_HOST}+/({_CHARACTER}*/)?\*"
PATTERN = rf"^(?:{_SCHEME}{_CHARACTER}+|{_BELOW})$"  # of what may have a role, for a JSON Schema
_URI, _FOLDER = re.compile(rf"{_SCHEME}[!-~]+"), re.compile(_BELOW)
ROLES = tuple(role for role in Role if role is not Role.NONE)


def uri_problem(uri: str) -> str | None:
    """Why nobody can go by this URI; None where somebody can.

    `#` is what the agent sets between a URI and the name that one of its programs gives itself.
    """
    if len(uri) > LONGEST_URI:
        return f"has {len(uri)} characters and at most {LONGEST_URI} may be"
    if not _URI.fullmatch(uri):
        return "is not a scheme, a colon and printable ASCII characters"
    return "holds a '#', which separates a URI from the name of a program" if "#" in uri else None


def pattern_problem(pattern: str) -> str | None:
    """Why no client could ever be meant by this; None for a URI, and for one whose path ends in `/*`."""
    if (wrong := uri_problem(pattern)) is not None:
        return wrong
    if "*" in pattern and not _FOLDER.fullmatch(pattern):
        return "has a '*' elsewhere than after the last '/' of a path, as in spiffe://plant/*"
    return None


def role_of(uri: str, roles: Mapping[str, Role]) -> Role:
    """What `roles` give that URI: its own entry, else that of the longest pattern above it, else nothing."""
    own = roles.get(uri)
    if own is not None and "*" not in uri:
        return own
    above = [pattern for pattern in roles if pattern.endswith("/*") and _under(uri, pattern[:-1])]
    return roles[max(above, key=len)] if above else Role.NONE


def _under(uri: str, folder: str) -> bool:
    return uri.startswith(folder) and len(uri) > len(folder)
