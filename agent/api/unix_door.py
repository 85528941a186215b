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
from agent.api.inner_socket import InnerSocket
from agent.api.limits import ApiLimits
from agent.api.local_users import Credentials, LocalUser, Lookup, Roles, credentials, look_up
from agent.api.places import Places
from agent.api.proxy import LOOK_S, Link
from agent.api.user_names import UserNames
from agent.domain.access import Role
from agent.errors import BadInput
from agent.logs import event, logger

ACCEPTED_AT_ONCE = 8  # in one turn of the event loop; each takes about 0.2 ms
PAUSE_S = 0.1  # where there is no descriptor for a client; those who wait are let in later
LAST_BYTES_S = 0.5  # for what gRPC said at its end to reach clients that read
PER_CONNECTION = 3  # descriptors: the client's, ours to gRPC and gRPC's

_log = logger("api")


@dataclass(slots=True)
class _Guest:
    """One connection. `who` is right while `as_of` is the door's `_granted`."""

    user: LocalUser
    pid: int
    link: Link
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
        self._listener: socket.socket | None = None
        self._inner: InnerSocket | None = None
        self._guests: dict[str, _Guest] = {}
        self._places = Places(self._limits, time.monotonic)
        self._asking: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._short = False
        self._empty: asyncio.Future[None] | None = None

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
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        try:
            with socket_path.created_with_mode(self._mode):
                self._listener.bind(os.fspath(self._path))
            self._bound = socket_path.identity(self._path)
            self._listener.listen(socket.SOMAXCONN)
            self._look_at_owner()
            self._inner = InnerSocket(server, self._path.parent)
        except (OSError, RuntimeError) as exc:
            raise BadInput("api.unix_socket", f"{self._path} cannot be bound ({exc})") from exc
        socket_path.make_room(PER_CONNECTION * self._limits.max_connections)

    async def open(self) -> None:
        """Take those in who wait already, and all others from now on."""
        assert self._listener is not None, "bind comes first"
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Take nobody in any more; the path is free for a successor."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        if self._bound is not None and socket_path.identity(self._path) == self._bound:
            self._path.unlink(missing_ok=True)
        self._bound = None

    async def remove(self) -> None:
        """Let the last bytes through, for LAST_BYTES_S at most, and end all that is left."""
        await self.close()
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.wait(self._asking)
        if self._guests:
            self._empty = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._empty}, timeout=LAST_BYTES_S)
        for guest in [*self._guests.values()]:
            guest.link.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._inner is not None:
            self._inner.close()
            self._inner = None

    def who(self, peer: str, auth: Auth) -> Who | None:  # noqa: ARG002
        """By the name that the connection to gRPC has; None also for one that did not come through this door."""
        guest = self._guests.get(peer)
        if guest is None:
            return None
        if guest.who is None or guest.as_of != self._granted:
            user = guest.user
            origin = f"unix:user={user.name} uid={user.uid} pid={guest.pid}"
            guest.who, guest.as_of = Who(user.name, origin, self._role(user), local=True), self._granted
        return guest.who

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

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._wait(error)
                return
            if self._short:
                self._short = False
                event(_log, logging.INFO, "connections_accepted_again", path=self._path)
            client.setblocking(False)
            self._receive(client)

    def _wait(self, error: OSError) -> None:
        """No descriptor or no memory for a client: try again soon, and do not spin until then."""
        if not self._short:
            self._short = True
            event(_log, logging.ERROR, "connections_wait", path=self._path, error=str(error))
        loop, listener = asyncio.get_running_loop(), self._listener
        assert listener is not None
        loop.remove_reader(listener)
        self._pause = loop.call_later(PAUSE_S, loop.add_reader, listener, self._accept)

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
            self._leave(who.uid)
            raise
        self._let_in(client, who, user)

    def _let_in(self, client: socket.socket, who: Credentials, user: LocalUser) -> None:
        assert self._inner is not None
        try:
            name, inner = self._inner.connected()
        except OSError:
            client.close()
            self._leave(who.uid)
            return
        loop = asyncio.get_running_loop()

        def ended() -> None:
            del self._guests[name]
            self._leave(who.uid)

        self._guests[name] = _Guest(user, who.pid, Link(loop, client, inner, ended))
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        for guest in [*self._guests.values()]:
            guest.link.look()
        if self._guests:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _leave(self, uid: int) -> None:
        self._places.leave(uid)
        if self._empty is not None and not self._empty.done() and not self._guests:
            self._empty.set_result(None)
