"""Clients from other machines: taken in, counted and read with measure before gRPC hears of them.

    client ──► api.tcp ──► Link ──► InnerSocket ──► gRPC (TLS)

TLS is between the client and gRPC: nothing of it is understood here. gRPC by itself takes in whoever connects and reads
whatever comes, so that one machine could take all places, and one client all the time of the event loop.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.api import socket_path
from agent.api.allowance import Allowance, Allowances
from agent.api.guests import PER_CONNECTION, Guests
from agent.api.inner_socket import InnerSocket
from agent.api.limits import ApiLimits
from agent.api.listening import Listening
from agent.api.places import Places

CONNECTION_BYTES = 4096  # what a connection counts for: a handshake takes a millisecond
LONGEST_CLIENT_S = 30.0  # that a client is not read for; after that gRPC's keepalive has given it up
LONGEST_MACHINE_S = 10.0  # that new connections of a machine are not read for: others of it may want in
_HERE = frozenset({"127.0.0.1", "::1"})


@dataclass(slots=True)
class _Caller:
    """One connection. `identity` is empty until a call has told it; `again`: it came while it was not to be read."""

    machine: str
    origin: str
    identity: str = ""
    again: bool = False


class Network:
    """Owner of the port and its connections. Event loop only."""

    def __init__(self, listen: str, limits: ApiLimits) -> None:
        self._listen = listen
        self._limits = limits
        self._places = Places(limits, time.monotonic, trusted=_HERE, word="machine")
        self._machines = Allowances(limits, LONGEST_MACHINE_S)
        self._clients = Allowances(limits, LONGEST_CLIENT_S)
        self._listening: Listening | None = None
        self._guests: Guests[_Caller] | None = None
        self.port = 0

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return self._places.count

    def bind(self, add_port: Callable[[str], int], folder: Path) -> None:
        """`add_port` and `folder` as for InnerSocket. Raises OSError, RuntimeError of gRPC."""
        sockets = _bound(self._listen)
        self.port = sockets[0].getsockname()[1]
        self._listening = Listening(sockets, self._listen, self._receive)
        self._guests = Guests(InnerSocket(add_port, folder), self._leave)
        # Beside those of the unix socket, which may have as many.
        socket_path.make_room(2 * PER_CONNECTION * self._limits.max_connections)

    def open(self) -> None:
        """Let clients in."""
        assert self._listening is not None, "bind comes first"
        self._listening.open()

    def close(self) -> None:
        """Let nobody new in. Idempotent, also where it was never bound."""
        if self._listening is not None:
            self._listening.close()

    async def remove(self) -> None:
        """Let the last bytes through, for a moment at most, and end all that is left."""
        self.close()
        if self._guests is not None:
            await self._guests.remove()

    def origin(self, peer: str) -> str | None:
        """Where that connection is from, in gRPC's words (`ipv4:10.0.0.7:51234`); None for one that is not of here."""
        caller = self._find(peer)
        return None if caller is None else caller.origin

    def known(self, peer: str, identity: str) -> None:
        """A call has told who has that connection."""
        caller = self._find(peer)
        if caller is None or self._guests is None or caller.identity == identity:
            return
        allowance = self._clients.of(identity)
        caller.identity, caller.again = identity, allowance.spent
        self._guests.counts_for(peer, allowance)

    def is_known(self, peer: str) -> bool:
        """Whether a call has told who has that connection."""
        caller = self._find(peer)
        return caller is not None and bool(caller.identity)

    def refused(self, peer: str) -> None:
        """A call of that connection was refused unread. Whoever comes anew while it is not to be read for that gets
        nothing by it: the new connections of its machine are not read either."""
        caller = self._find(peer)
        if caller is None:
            return
        for allowance in self._held_to(caller):
            allowance.refused()

    def _held_to(self, caller: _Caller) -> list[Allowance]:
        client = [self._clients.of(caller.identity)] if caller.identity else []
        return client if client and not caller.again else [*client, self._machines.of(caller.machine)]

    def _find(self, peer: str) -> _Caller | None:
        return None if self._guests is None else self._guests.find(peer)

    def _receive(self, client: socket.socket) -> None:
        assert self._guests is not None
        try:
            host, port, *_ = client.getpeername()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # gone already
            client.close()
            return
        machine, origin = machine_of(host), _origin(host, port)
        if not self._places.take(machine):
            client.close()
            return
        allowance = self._machines.of(machine)
        allowance.spend(CONNECTION_BYTES)
        self._guests.let_in(client, _Caller(machine, origin), allowance)

    def _leave(self, caller: _Caller) -> None:
        self._places.leave(caller.machine)


def machine_of(host: str) -> str:
    """What counts as one machine: an address. All of a line may share the first 64 bits of an IPv6 address, so that
    whoever takes several there is as many, as with IPv4."""
    return str(_address(host))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _origin(host: str, port: int) -> str:
    address = _address(host)
    return f"ipv4:{address}:{port}" if address.version == 4 else f"ipv6:[{address}]:{port}"


def _bound(listen: str) -> list[socket.socket]:
    """Listening sockets for `HOST:PORT`, one for each address of the host, all of one port. Raises OSError."""
    host, _, port = listen.rpartition(":")
    bare = host.strip("[]")
    found = socket.getaddrinfo(bare, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            one = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(one)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bare != "::"))
            one.bind((address[0], sockets[0].getsockname()[1] or int(port), *address[2:]))
            one.listen(socket.SOMAXCONN)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets
