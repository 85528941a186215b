"""The X.509 of it: a CA of one plant, certificates of servers and of clients, the list of revoked ones.

Keys are ECDSA P-256, which gRPC, OpenSSL, .NET and Java all take. A certificate is for one purpose: that of a server is
refused as a client's and the other way round. The CA signs no other CA, and names no client of another plant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.pki.index import Issued, Kind, Reason
from agent.pki.names import host_address

Key: TypeAlias = ec.EllipticCurvePrivateKey

_PURPOSE: Final = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}
_REASON: Final = {
    "key-compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "no-longer-used": x509.ReasonFlags.cessation_of_operation,
}
_USAGES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(key: Key, plant: str, begin: datetime, end: datetime) -> x509.Certificate:
    """Self-signed; its name has a part of the key's id, so that a CA made anew is not taken for the one before."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(plant, f"{plant} CA {identifier.digest.hex()[:8]}")
    own = x509.NameConstraints(permitted_subtrees=[x509.UniformResourceIdentifier(plant)], excluded_subtrees=None)
    return (
        _begun(name, name, key, x509.random_serial_number(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(own, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def make_leaf(ca: x509.Certificate, ca_key: Key, key: Key, issued: Issued) -> x509.Certificate:
    """The certificate that an entry of the index stands for."""
    name = _name(plant_of(ca), issued.name[:64])
    serial = int(issued.serial, 16)
    return (
        _begun(name, ca.subject, key, serial, issued.not_before, issued.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_PURPOSE[issued.kind]]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(issued.kind, issued.names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority(ca), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def make_crl(
    ca: x509.Certificate, ca_key: Key, revoked: Iterable[Issued], number: int, now: datetime, next_update: datetime
) -> x509.CertificateRevocationList:
    """The list of revoked ones; readers take one of a higher `number` for newer."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(now)
        .next_update(next_update)
        .add_extension(_authority(ca), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(_revoked(one, one.revoked or now, one.reason))
    return builder.sign(ca_key, hashes.SHA256())


def plant_of(ca: x509.Certificate) -> str:
    return str(ca.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)


def certificate_pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Key) -> bytes:
    """PKCS #8 without a passphrase: the daemon and gateways start with nobody at the keyboard."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: Key, serial: int, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(organization: str, common: str) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])


def _names(kind: Kind, names: Iterable[str]) -> list[x509.GeneralName]:
    if kind == "client":
        return [x509.UniformResourceIdentifier(name) for name in names]
    return [_host(name) for name in names]


def _host(name: str) -> x509.GeneralName:
    address = host_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _usage(*wanted: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in wanted for usage in _USAGES})


def _authority(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _revoked(one: Issued, when: datetime, reason: Reason) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(when)
    if reason != "unspecified":  # RFC 5280 5.3.1 wants that one left out
        builder = builder.add_extension(x509.CRLReason(_REASON[reason]), critical=False)
    return builder.build()
