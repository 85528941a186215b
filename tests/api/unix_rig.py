"""A server behind a door at which anybody can knock, for tests of the unix socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from agent.api import ApiLimits, ApiServer, Services
from agent.api.local_users import Credentials, LocalUser, Roles, credentials, look_up
from agent.api.unix_door import UnixDoor
from agent.client.errors import failure
from agent.clock import SystemClock
from agent.domain.access import Role
from tests.api.harness import CALM
from tests.support.fake_control import FakeControl, FakeJournal

STATUS, AUDIT = "/ofa_agent.v1.StatusService/GetStatus", "/ofa_agent.v1.StatusService/ListAuditEntries"
BUDGET = "/ofa_agent.v1.ControlService/SetBudget"
ANNA = LocalUser(1000, "anna", frozenset({"1000", "users", "44", "video"}))
BEN = LocalUser(1001, "ben", frozenset({"1001", "users"}))
ROOT = LocalUser(0, "root", frozenset({"0", "root"}))
USERS = {user.uid: user for user in (ANNA, BEN)}
MAY = {
    Role.NONE: ("NO_ROLE",) * 3,
    Role.READ: ("OK", "ROLE_TOO_LOW", "ROLE_TOO_LOW"),
    Role.CONTROL: ("OK", "INVALID_ARGUMENT", "ROLE_TOO_LOW"),
    Role.ADMIN: ("OK", "INVALID_ARGUMENT", "OK"),
}


def of_the_tests(who: Credentials) -> LocalUser:
    """Users of the tests, and those of the machine."""
    return USERS.get(who.uid) or look_up(who)


@dataclass
class Rig:
    """A server behind a door at which everybody who connects now is `arriving`."""

    path: Path
    arriving: LocalUser | None = None
    journal: FakeJournal = field(default_factory=FakeJournal)
    door: UnixDoor = field(init=False)
    server: ApiServer = field(init=False)

    def ask(self, connection: socket.socket) -> Credentials:
        who = credentials(connection)
        return who if self.arriving is None else Credentials(who.pid, self.arriving.uid, self.arriving.uid, ())

    def arrives(self, user: LocalUser | None) -> None:
        """Whoever connects from now on is this user, or who it is."""
        self.arriving = user

    @asynccontextmanager
    async def channel(self, user: LocalUser | None = None) -> AsyncIterator[Any]:
        """A connection of that user's that is open."""
        self.arrives(user)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(f"unix:{self.path}", options) as channel:
            await asyncio.wait_for(channel.channel_ready(), 10.0)
            yield channel


@asynccontextmanager
async def serving(
    folder: Path,
    roles: Roles | None = None,
    limits: ApiLimits = CALM,
    lookup: Callable[[Credentials], LocalUser] | None = None,
) -> AsyncIterator[Rig]:
    """Serve one camera in `folder` until the context ends. `lookup`: of users by their numbers."""
    path = folder / "api.sock"
    rig = Rig(path)
    rig.door = UnixDoor(path, roles, limits, ask=rig.ask, lookup=lookup or of_the_tests)
    rig.server = ApiServer(Services({"station-1": FakeControl()}, rig.journal, SystemClock()), [rig.door], limits)
    async with rig.server:
        yield rig


async def said(channel: Any, method: str, body: bytes = b"") -> str:
    """`OK`, or the reason of the refusal."""
    try:
        await channel.unary_unary(method)(body, timeout=10.0)
    except grpc.aio.AioRpcError as error:
        told: Any = failure(error, "test")
        return str(getattr(told, "reason", told))
    return "OK"


async def may(channel: Any) -> tuple[str, str, str]:
    """What calls of the three roles answer: read, control (with a request that is a mistake), admin."""
    answers = [await said(channel, method) for method in (STATUS, BUDGET, AUDIT)]
    return answers[0], answers[1], answers[2]
