"""A plant's CA for tests: certificates of every kind, right and wrong, and lists of revoked ones."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
HOUR_S = 3600.0
DAY_S = 86_400.0
PLC_3 = "spiffe://plant/plc-3"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as the files that hold them."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    def channel(self, ca: bytes) -> grpc.ChannelCredentials:
        """What a client of this certificate connects with."""
        return grpc.ssl_channel_credentials(ca, self.key_pem, self.pem)


class Plant:
    """A CA. `now` is what its times count from."""

    def __init__(self, name: str = "plant") -> None:
        self.now = datetime.now(timezone.utc).replace(microsecond=0)
        self._name = _named(f"{name} CA")
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self.ca = self._sign(self._key, self._name, -DAY_S, 365 * DAY_S, [constraints])
        self.lists = 0

    @property
    def ca_pem(self) -> bytes:
        return self.ca.public_bytes(Encoding.PEM)

    def issue(
        self,
        *uris: str,
        names: Sequence[x509.GeneralName] = (),
        usage: x509.ObjectIdentifier | None = CLIENT,
        begins_s: float = -HOUR_S,
        ends_s: float = 90 * DAY_S,
        self_signed: bool = False,
    ) -> Issued:
        """A certificate with these URIs, and with these names before them."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=False, path_length=None)]
        alternatives = [*names, *(x509.UniformResourceIdentifier(uri) for uri in uris)]
        extensions += [x509.SubjectAlternativeName(alternatives)] if alternatives else []
        extensions += [] if usage is None else [x509.ExtendedKeyUsage([usage])]
        return Issued(self._sign(key, _named("leaf"), begins_s, ends_s, extensions, self_signed), key)

    def server(self, begins_s: float = -HOUR_S, ends_s: float = 90 * DAY_S) -> Issued:
        """What an agent on this machine shows."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self.issue(names=names, usage=SERVER, begins_s=begins_s, ends_s=ends_s)

    def crl(
        self,
        *revoked: Issued,
        made_s: float = -60.0,
        due_s: float = DAY_S,
        encoding: Encoding = Encoding.PEM,
        extension: x509.ExtensionType | None = None,
        issuer: x509.Name | None = None,
    ) -> bytes:
        """The list of what was revoked; `issuer` in place of the CA's own name."""
        self.lists += 1
        made = self.now + timedelta(seconds=made_s)
        builder = x509.CertificateRevocationListBuilder().issuer_name(issuer or self._name)
        builder = builder.last_update(made).next_update(self.now + timedelta(seconds=due_s))
        builder = builder.add_extension(x509.CRLNumber(self.lists), critical=False)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(made).build()
            builder = builder.add_revoked_certificate(entry)
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(encoding)

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        begins_s: float,
        ends_s: float,
        extensions: Sequence[x509.ExtensionType],
        self_signed: bool = False,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + timedelta(seconds=begins_s))
            .not_valid_after(self.now + timedelta(seconds=ends_s))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(key if self_signed else self._key, hashes.SHA256())


@dataclass
class TlsFolder:
    """The files of an agent, each replaced in one go as a careful hand does it."""

    folder: Path
    plant: Plant
    server: Issued = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = self.plant.server()
        self.show(self.server)
        self.write("ca.pem", self.plant.ca_pem)

    def path(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, data: bytes, mode: int = 0o600) -> Path:
        staging = self.folder / f".{name}"
        staging.write_bytes(data)
        staging.chmod(mode)
        os.replace(staging, self.path(name))
        return self.path(name)

    def show(self, server: Issued) -> None:
        """Have the agent show that certificate."""
        self.write("cert.pem", server.pem)
        self.write("key.pem", server.key_pem)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
