"""Who is at the other end of a unix socket, and what role that is worth."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce

from agent.domain.access import Role

Roles = Mapping[str, Role]  # by user name or number, or by group: `@name` or `@number`

_UCRED = struct.Struct("iII")  # struct ucred: pid, uid, gid
_SO_PEERGROUPS = getattr(socket, "SO_PEERGROUPS", 59)  # asm-generic/socket.h, Linux 4.13
_GIDS_BYTES = 1024  # the most that Python asks for; 256 groups


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of a process at the moment it connected, as the kernel tells them. `gids`: None where it does not tell."""

    pid: int
    uid: int
    gid: int
    gids: tuple[int, ...] | None

    @property
    def process_apart(self) -> Credentials:
        """The same for each process of a user."""
        return replace(self, pid=0)


@dataclass(frozen=True, slots=True)
class LocalUser:
    """A user by name, with all groups by name and number. `name` is `uid:1000` for a user that has none."""

    uid: int
    name: str
    groups: frozenset[str]

    @property
    def trusted(self) -> bool:
        """Root, and whoever the daemon itself runs as: they can do all that it can anyway."""
        return self.uid in (0, os.geteuid())

    def role(self, roles: Roles) -> Role:
        """The most of what fits this user."""
        if self.trusted:
            return Role.ADMIN
        keys = (self.name, str(self.uid), *(f"@{group}" for group in self.groups))
        return reduce(_more, (roles[key] for key in keys if key in roles), Role.NONE)


Lookup = Callable[[Credentials], LocalUser]  # blocks for as long as the user database does


def credentials(connection: socket.socket) -> Credentials:
    """Whoever connected this socket. Raises OSError."""
    ucred = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(ucred)
    gids: tuple[int, ...] | None = None
    with suppress(OSError):  # an older kernel, or more groups than fit
        told = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GIDS_BYTES)
        gids = struct.unpack(f"{len(told) // 4}I", told)
    return Credentials(pid, uid, gid, gids)


def look_up(who: Credentials) -> LocalUser:
    """Names from the machine's user database; blocks. Groups are those of the process, where the kernel told them."""
    try:
        name = pwd.getpwuid(who.uid).pw_name
    except KeyError:
        name = unnamed(who).name
    gids = {who.gid, *(os.getgrouplist(name, who.gid) if who.gids is None else who.gids)}
    return LocalUser(who.uid, name, frozenset({*map(str, gids), *_group_names(gids)}))


def unnamed(who: Credentials) -> LocalUser:
    """A user by number alone."""
    return LocalUser(who.uid, f"uid:{who.uid}", frozenset(map(str, (who.gid, *(who.gids or ())))))


def _group_names(gids: Iterable[int]) -> Iterable[str]:
    for gid in gids:
        with suppress(KeyError):
            yield grp.getgrgid(gid).gr_name


def _more(one: Role, other: Role) -> Role:
    return one if one.covers(other) else other
