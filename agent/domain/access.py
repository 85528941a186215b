"""What a client may do."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """From none to everything; each may do all that the ones before it may. Stable strings, as in the config."""

    NONE = "none"
    READ = "read"
    CONTROL = "control"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what needs that one."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Role)
