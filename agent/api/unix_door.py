"""The agent's unix socket: who is at its other end, and what for.

    client ──► api.unix_socket ──► Link ──► InnerSocket ──► gRPC

The kernel says which process connected. Without roles whoever may open the socket (mode 0660) is admin; with them
anybody may, and may do what the user's name or one of the user's groups has a role for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from agent.api import socket_path
from agent.api.access import Auth, Who
from agent.api.errors import Rejected
from agent.api.guests import PER_CONNECTION, Guests
from agent.api.inner_socket import InnerSocket
from agent.api.limits import ApiLimits
from agent.api.listening import Listening
from agent.api.local_users import Credentials, LocalUser, Lookup, Roles, credentials, look_up
from agent.api.places import Places
from agent.api.user_names import UserNames
from agent.domain.access import Role
from agent.errors import BadInput
from agent.logs import event, logger

_log = logger("api")


@dataclass(slots=True)
class _Guest:
    """One connection. `who` is right while `as_of` is the door's `_granted`."""

    user: LocalUser
    uid: int
    pid: int
    who: Who | None = None
    as_of: int = -1


class UnixDoor:
    """See agent.api.access.Door. Owner of the socket, its connections and those to gRPC."""

    def __init__(
        self,
        path: Path | str,
        roles: Roles | None = None,
        limits: ApiLimits | None = None,
        *,
        ask: Callable[[socket.socket], Credentials] = credentials,
        lookup: Lookup = look_up,
    ) -> None:
        self._path = Path(path)
        self._roles = roles
        self._limits = limits or ApiLimits()
        self._ask = ask
        self._names = UserNames(lookup)
        self._granted = 0  # how often
        self._anybody_could_connect = roles is not None
        self._bound: tuple[int, int] | None = None
        self._owner = (-1, -1)
        self._listening: Listening | None = None
        self._guests: Guests[_Guest] | None = None
        self._places = Places(self._limits, time.monotonic)
        self._asking: set[asyncio.Task[None]] = set()

    def __str__(self) -> str:
        return str(self._path)

    @property
    def connections(self) -> int:
        """Connections that are open now, those included whose user is not known yet."""
        return self._places.count

    # -- Door ----------------------------------------------------------------------------------------------------------

    def bind(self, server: grpc.aio.Server) -> None:
        """Raises BadInput for a path that cannot be bound, Refused where another process serves it."""
        socket_path.claim(self._path)
        listener = socket.socket(socket.AF_UNIX)
        listener.setblocking(False)
        self._listening = Listening([listener], str(self._path), self._receive)
        try:
            with socket_path.created_with_mode(self._mode):
                listener.bind(os.fspath(self._path))
            self._bound = socket_path.identity(self._path)
            listener.listen(socket.SOMAXCONN)
            self._look_at_owner()
            self._guests = Guests(InnerSocket(server.add_insecure_port, self._path.parent), self._leave)
        except (OSError, RuntimeError) as exc:
            raise BadInput("api.unix_socket", f"{self._path} cannot be bound ({exc})") from exc
        socket_path.make_room(PER_CONNECTION * self._limits.max_connections)

    async def open(self) -> None:
        """Take those in who wait already, and all others from now on."""
        assert self._listening is not None, "bind comes first"
        self._listening.open()

    async def close(self) -> None:
        """Take nobody in any more; the path is free for a successor."""
        if self._listening is not None:
            self._listening.close()
        if self._bound is not None and socket_path.identity(self._path) == self._bound:
            self._path.unlink(missing_ok=True)
        self._bound = None

    async def remove(self) -> None:
        """Let the last bytes through, for a moment at most, and end all that is left."""
        await self.close()
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.wait(self._asking)
        if self._guests is not None:
            await self._guests.remove()

    def who(self, peer: str, auth: Auth) -> Who | None:  # noqa: ARG002
        """By the name that the connection to gRPC has; None also for one that did not come through this door."""
        guest = None if self._guests is None else self._guests.find(peer)
        if guest is None:
            return None
        if guest.who is None or guest.as_of != self._granted:
            user = guest.user
            origin = f"unix:user={user.name} uid={user.uid} pid={guest.pid}"
            guest.who, guest.as_of = Who(user.name, origin, self._role(user), local=True), self._granted
        return guest.who

    def refused(self, peer: str, error: Rejected | None) -> str | None:  # noqa: ARG002
        """What comes over the socket is read at the same pace, whatever becomes of it."""
        return None

    # -- roles ---------------------------------------------------------------------------------------------------------

    def grant(self, roles: Roles | None) -> None:
        """These roles from now on, also for connections that are open; neither raises nor blocks."""
        self._roles = roles
        self._granted += 1
        self._anybody_could_connect |= roles is not None
        if self._bound is None or socket_path.identity(self._path) != self._bound:
            return
        try:
            self._path.chmod(self._mode)
            self._look_at_owner()
        except OSError as error:
            event(_log, logging.ERROR, "socket_mode_stays", path=self._path, wanted=oct(self._mode), error=str(error))

    @property
    def _mode(self) -> int:
        return socket_path.MODE if self._roles is None else socket_path.MODE_WITH_ROLES

    def _look_at_owner(self) -> None:
        found = self._path.lstat()
        self._owner = found.st_uid, found.st_gid

    def _role(self, user: LocalUser) -> Role:
        if self._roles is not None:
            return user.role(self._roles)
        if user.trusted or not self._anybody_could_connect:
            return Role.ADMIN  # the kernel has let this user in by the socket's mode
        uid, gid = self._owner
        return Role.ADMIN if user.uid == uid or str(gid) in user.groups else Role.NONE

    # -- connections ---------------------------------------------------------------------------------------------------

    def _receive(self, client: socket.socket) -> None:
        try:
            who = self._ask(client)
        except OSError:
            client.close()
            return
        if not self._places.take(who.uid):
            client.close()
            return
        user = self._names.known(who)
        if user is not None:
            self._let_in(client, who, user)
            return
        task = asyncio.ensure_future(self._look_up(client, who))
        task.set_name(f"unix-door-uid-{who.uid}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _look_up(self, client: socket.socket, who: Credentials) -> None:
        try:
            user = await self._names.of(who)
        except asyncio.CancelledError:
            client.close()
            self._places.leave(who.uid)
            raise
        self._let_in(client, who, user)

    def _let_in(self, client: socket.socket, who: Credentials, user: LocalUser) -> None:
        assert self._guests is not None
        self._guests.let_in(client, _Guest(user, who.uid, who.pid))

    def _leave(self, guest: _Guest) -> None:
        self._places.leave(guest.uid)
