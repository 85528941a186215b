"""The certificates of a client over TCP: read from files, checked before they are shown to anybody."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeAlias

import grpc

from agent.errors import BadInput

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Path: TypeAlias = "str | os.PathLike[str]"
Stamp: TypeAlias = tuple[tuple[int, int, int], ...]

MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Mutual TLS: PEM files of the CA that issued the agent's certificate, and of this client's certificate and key.

    `server_name`: the name that the agent's certificate is for, where that is not the host of the address (a tunnel,
    an address by which it was not known yet). It is always checked.
    """

    ca: Path
    cert: Path
    key: Path
    server_name: str | None = None

    def stamp(self) -> Stamp:
        """Changes when one of the files does; a file that is not there counts as one that is empty."""
        return tuple(_stamp(path) for path in (self.ca, self.cert, self.key))

    def credentials(self) -> grpc.ChannelCredentials:
        """Read and checked. Raises BadInput naming `ca`, `cert` or `key`."""
        ca, cert, key = _read("ca", self.ca), _read("cert", self.cert), _read("key", self.key)
        _check(self, ca, cert, key)
        return grpc.ssl_channel_credentials(ca, key, cert)

    def options(self) -> list[tuple[str, str]]:
        """What a channel needs to know besides."""
        return [] if self.server_name is None else [("grpc.ssl_target_name_override", self.server_name)]


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _read(field: str, path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise BadInput(field, f"{os.fspath(path)} cannot be read: {exc.strerror}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(field, f"{os.fspath(path)} has more than {MAX_FILE_BYTES} bytes; that is no PEM file of TLS")
    return data


def _check(files: TlsFiles, ca: bytes, cert: bytes, key: bytes) -> None:
    """gRPC would only say that no connection comes about."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    _certificate("ca", files.ca, ca)
    own = _certificate("cert", files.cert, cert)
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise BadInput("key", f"{os.fspath(files.key)} is no private key in PEM without a passphrase") from exc
    if private.public_key() != own.public_key():
        raise BadInput(
            "key", f"{os.fspath(files.key)} does not belong to {os.fspath(files.cert)}; take both of one pair"
        )
    _check_time(files.cert, own, datetime.now(timezone.utc))


def _certificate(field: str, path: Path, data: bytes) -> Certificate:
    """The first one of the file."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(data)[0]
    except (ValueError, IndexError) as exc:
        raise BadInput(field, f"{os.fspath(path)} is no certificate in PEM") from exc


def _check_time(path: Path, own: Certificate, now: datetime) -> None:
    begin, end = own.not_valid_before_utc, own.not_valid_after_utc
    if now > end:
        raise BadInput(
            "cert", f"{os.fspath(path)} ended on {end:%Y-%m-%d %H:%M} UTC; have it renewed (`ofa-agent pki renew`)"
        )
    if now < begin:
        said = f"begins on {begin:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} here"
        raise BadInput("cert", f"{os.fspath(path)} {said}; look at the clock of this machine")
