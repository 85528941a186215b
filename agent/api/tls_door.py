"""The agent's port: TCP with certificates on both sides, and nothing else.

connection   as many, and as fast, as one machine may have; see agent.api.network
handshake    the certificate that is in force now; the client's must be of `client_ca` and in its time
each call    its time, its CA and the revoked ones once more, since connections last; then the URI's role
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import anyio
import grpc

from agent.addresses import unbound
from agent.api.access import Auth, Who
from agent.api.certificates import ClientCertificate, ClientCertificates
from agent.api.errors import Rejected
from agent.api.limits import ApiLimits
from agent.api.network import Network
from agent.api.tls_files import Authorities, Pair, TlsFiles
from agent.clock import Clock, in_thread
from agent.domain.access import Role
from agent.domain.alarms import AlarmKey
from agent.domain.identity import role_of
from agent.errors import BadInput
from agent.logs import event, logger

_log = logger("api")
LOOK_S = 1.0
BY_ROLE = frozenset({"NO_ROLE", "ROLE_TOO_LOW"})


class Alarms(Protocol):
    """The alarms of the agent itself."""

    async def happened(self, key: AlarmKey, text: str) -> None: ...

    async def cleared(self, key: AlarmKey) -> None: ...


class TlsDoor:
    """See agent.api.access.Door. `run` looks after the files while it is open; the rest is for the event loop."""

    def __init__(
        self,
        listen: str,
        files: TlsFiles,
        roles: Mapping[str, Role],
        clock: Clock,
        alarms: Alarms,
        look_s: float = LOOK_S,
        *,
        limits: ApiLimits | None = None,
        folder: Path | None = None,
    ) -> None:
        """`folder`: where a socket can be made for a moment, by default that for temporary files."""
        self._listen = listen
        self._network = Network(listen, limits or ApiLimits())
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._files = files
        self._roles = roles
        self._clock = clock
        self._alarms = alarms
        self._look_s = look_s
        self._certificates = ClientCertificates()
        self._offered: tuple[Pair, Authorities] | None = None
        self._told: str | None = None  # None: nothing yet, and an earlier run may have left its alarm

    @property
    def port(self) -> int:
        """Where it listens; 0 before it is bound."""
        return self._network.port

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return self._network.connections

    def __str__(self) -> str:
        host = self._listen.rpartition(":")[0]
        return f"{host}:{self.port} (mutual TLS)"

    @property
    def files(self) -> TlsFiles:
        """What is in force."""
        return self._files

    @property
    def roles(self) -> Mapping[str, Role]:
        return self._roles

    def take(self, files: TlsFiles, roles: Mapping[str, Role]) -> None:
        """Hold to these from now on: the next handshake, the next call."""
        self._files, self._roles = files, roles

    def bind(self, server: grpc.aio.Server) -> None:
        """Raises Refused where nothing can listen there now, BadInput where nothing ever can."""
        credentials = grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._changed,  # type: ignore[arg-type]  # None is what gRPC's page says for no change
            require_client_authentication=True,
        )
        try:
            self._network.bind(lambda address: server.add_secure_port(address, credentials), self._folder)
        except OSError as exc:
            raise unbound("api.tcp.listen", self._listen, exc) from exc
        except RuntimeError as exc:
            raise BadInput("api.tcp.listen", f"gRPC cannot serve {self._listen} ({exc})") from exc

    async def open(self) -> None:
        """Take those in who wait already, and all others from now on."""
        self._network.open()

    async def close(self) -> None:
        """Take nobody in any more."""
        self._network.close()

    async def remove(self) -> None:
        """Let the last bytes through, for a moment at most, and end all that is left."""
        await self._network.remove()

    async def run(self) -> None:
        """Look after the files until cancelled."""
        while True:
            try:
                await in_thread(self._clock, "tls-look", self._files.look)
                await self._tell()
            except Exception:  # noqa: BLE001 - supervised: a fault in reading a file must not end what runs
                _log.exception("tls_look_failed")
            await anyio.sleep(self._look_s)

    def who(self, peer: str, auth: Auth) -> Who | None:
        """By the certificate of the connection. Raises Rejected: NO_ROLE, CERTIFICATE_EXPIRED, CERTIFICATE_REVOKED."""
        place = self._network.origin(peer)
        if place is None or _first(auth, "transport_security_type") != b"ssl":
            return None
        origin, authorities = f"tls:{place}", self._files.authorities
        certificate, issued = self._certificates.read(_first(auth, "x509_pem_cert"), authorities)
        if not certificate.uri:
            raise Rejected("NO_ROLE", f"the certificate of {origin} {certificate.flaw}")
        self._network.known(peer, certificate.uri)
        self._check(certificate, issued)
        return Who(certificate.uri, origin, role_of(certificate.uri, self._roles))

    def refused(self, peer: str, error: Rejected | None) -> str | None:
        """Who has no name, calls too fast or calls nothing is not read for a while. A role that is too low is an answer
        like others, of which there are as many as Rates allows."""
        by_role = error is not None and error.reason in BY_ROLE
        if not (by_role and self._network.is_known(peer)):
            self._network.refused(peer)
        return self._network.origin(peer)

    def _check(self, certificate: ClientCertificate, issued: bool) -> None:
        what = f"the certificate of {certificate.uri!r} (serial {certificate.serial:x})"
        if self._files.revocations.has(certificate.issuer, certificate.serial):
            raise Rejected("CERTIFICATE_REVOKED", f"{what} was revoked")
        if not issued:
            raise Rejected("CERTIFICATE_REVOKED", f"{what} is of no CA that issues for clients now")
        if not certificate.not_before_ns <= self._clock.wall_ns() <= certificate.not_after_ns:
            raise Rejected("CERTIFICATE_EXPIRED", f"{what} is not in its time")

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair, authorities = self._offered = (self._files.pair, self._files.authorities)
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], authorities.pem)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks at each handshake, on a thread of its own; None: as before."""
        offered, files = self._offered, self._files
        if offered is not None and offered[0] is files.pair and offered[1] is files.authorities:
            return None
        return self._configuration()

    async def _tell(self) -> None:
        """Once when something is wrong, once when it is not any more."""
        problems = "; ".join(self._files.problems())
        if problems == self._told:
            return
        said, self._told = self._told, problems
        if problems:
            event(_log, logging.WARNING, "tls_files_wrong", problems=problems)
            await self._alarms.happened("tls_certificate", problems)
        else:
            if said:
                event(_log, logging.INFO, "tls_files_right")
            await self._alarms.cleared("tls_certificate")


def _first(auth: Auth, key: str) -> bytes:
    return next(iter(auth.get(key, ())), b"")
