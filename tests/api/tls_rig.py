"""A served API on the network, with a plant's certificates and clients of every kind before it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agent.api import ApiLimits, ApiServer, Services
from agent.api.access import Auth, Who
from agent.api.tls_door import TlsDoor
from agent.api.tls_files import TlsFiles, TlsPaths
from agent.api.unix_door import UnixDoor
from agent.clock import SystemClock
from agent.domain.access import Role
from agent.domain.alarms import AlarmKey
from agent.pb.ofa_agent.v1 import status_pb2
from tests.api.harness import CALM, DEADLINE_S
from tests.support.fake_control import FakeControl, FakeJournal
from tests.support.plant import Issued, Plant, TlsFolder

LOOK_S = 0.02
GET_STATUS = "/ofa_agent.v1.StatusService/GetStatus"
WATCH_STATUS = "/ofa_agent.v1.StatusService/WatchStatus"
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)


class ShiftedClock(SystemClock):
    """The machine's clocks, with hands on the one on the wall."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def wall_ns(self) -> int:
        return super().wall_ns() + round(self.ahead_s * 1e9)


@dataclass
class ToldAlarms:
    """What stands, and how often something was told."""

    standing: dict[AlarmKey, str] = field(default_factory=dict)
    told: int = 0

    async def happened(self, key: AlarmKey, text: str) -> None:
        self.standing[key] = text
        self.told += 1

    async def cleared(self, key: AlarmKey) -> None:
        self.standing.pop(key, None)


class SeenDoor(TlsDoor):
    """Keeps what gRPC said of the last connection."""

    seen: Auth | None = None

    def who(self, peer: str, auth: Auth) -> Who | None:
        self.seen = dict(auth)
        return super().who(peer, auth)


@dataclass
class TlsRig:
    plant: Plant
    folder: TlsFolder
    door: SeenDoor
    control: FakeControl
    clock: ShiftedClock
    alarms: ToldAlarms
    socket: Path
    journal: FakeJournal
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"localhost:{self.door.port}"

    def connect(self, issued: Issued, ca: bytes | None = None) -> grpc.aio.Channel:
        """A connection of its own, closed with the rig."""
        return self.own(issued.channel(self.plant.ca_pem if ca is None else ca))

    def own(self, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        channel = grpc.aio.secure_channel(self.address, credentials, [OWN_CONNECTION])
        self.channels.append(channel)
        return channel

    def tls(self, issued: Issued | None) -> ssl.SSLContext:
        """For a bare socket."""
        context = ssl.create_default_context(cadata=self.plant.ca_pem.decode())
        context.set_alpn_protocols(["h2"])
        if issued is not None:
            place = self.folder.write("client.pem", issued.key_pem + issued.pem)
            context.load_cert_chain(place)
        return context

    async def shown(self, issued: Issued) -> tuple[bytes, str | None]:
        """The certificate (DER) that a new connection is shown, and the version of its TLS."""
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.door.port, ssl=self.tls(issued), server_hostname="localhost"
        )
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        shown, version = connection.getpeercert(binary_form=True), connection.version()
        writer.transport.abort()
        assert shown is not None
        return shown, version


async def call(channel: grpc.aio.Channel, path: str = GET_STATUS, body: bytes = b"") -> bytes:
    """One unary call; raises AioRpcError."""
    multi: Any = channel.unary_unary(path, None, None)
    answer: bytes = await multi(body, timeout=DEADLINE_S)
    return answer


async def refused(channel: grpc.aio.Channel, path: str = GET_STATUS, body: bytes = b"") -> tuple[str, str]:
    """The code and the reason that a call is refused with; no reason where gRPC itself did."""
    try:
        await call(channel, path, body)
    except grpc.aio.AioRpcError as error:
        return error.code().name, reason_of(error)
    return "OK", ""


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the details of a status; empty where it has none."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return ""


def watch(channel: grpc.aio.Channel) -> Any:
    """A stream of statuses; to be read."""
    multi: Any = channel.unary_stream(WATCH_STATUS, None, status_pb2.WatchStatusResponse.FromString)
    return multi(status_pb2.WatchStatusRequest().SerializeToString(), timeout=DEADLINE_S)


async def end_of(stream: Any) -> tuple[str, str]:
    """How a stream ends, all that comes before it read."""
    try:
        while await stream.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
            pass
    except grpc.aio.AioRpcError as error:
        return error.code().name, reason_of(error)
    return "OK", ""


@asynccontextmanager
async def on_the_network(
    folder: Path,
    roles: Mapping[str, Role],
    *,
    limits: ApiLimits = CALM,
    revoked: bool = False,
    plant: Plant | None = None,
    listen: str = "127.0.0.1:0",
) -> AsyncIterator[TlsRig]:
    """Serve one camera over TCP and over a unix socket until the context ends."""
    plant = plant or Plant()
    files = TlsFolder(folder / "tls", plant)
    if revoked:
        files.write("revoked.pem", plant.crl())
    clock, alarms, control = ShiftedClock(), ToldAlarms(), FakeControl()
    cert, key, ca = (files.path(name) for name in ("cert.pem", "key.pem", "ca.pem"))
    paths = TlsPaths(cert, key, ca, files.path("revoked.pem") if revoked else None)
    door = SeenDoor(listen, TlsFiles(paths, clock), roles, clock, alarms, LOOK_S, limits=limits)
    journal = FakeJournal()
    services = Services({control.name: control}, journal, clock)
    server = ApiServer(services, [UnixDoor(folder / "api.sock", None, limits), door], limits)
    rig = TlsRig(plant, files, door, control, clock, alarms, folder / "api.sock", journal)
    async with server:
        looking = asyncio.create_task(door.run())
        try:
            yield rig
        finally:
            looking.cancel()
            await asyncio.wait({looking})
            for channel in rig.channels:
                await channel.close(None)
