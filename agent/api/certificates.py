"""Who a client is by its certificate: read from the certificate itself, not from what the transport says of it.

gRPC tells URIs as it finds them (measured with 1.85: of a URI with a zero in it, only what is before the zero), and of
several, all. Here a name is one URI of printable characters, or there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

from agent.api.tls_files import Authorities, wall_ns
from agent.api.unreadable import UNREADABLE
from agent.domain.identity import uri_problem
from agent.errors import shown

MOST_KEPT = 1024
_NOBODY = x509.Name([])


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a call needs of a certificate. `uri` is empty where nobody can go by it, and `flaw` says why."""

    uri: str
    flaw: str
    issuer: x509.Name = _NOBODY
    serial: int = 0
    not_before_ns: int = 0
    not_after_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    told: ClientCertificate
    authorities: Authorities
    issued: bool  # by one of these


class ClientCertificates:
    """Reads each certificate once. Owner of the newest MOST_KEPT; for the event loop only."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, pem: bytes, authorities: Authorities) -> tuple[ClientCertificate, bool]:
        """The certificate, and whether one of these CAs issued it: a connection may be older than they are."""
        known = self._known.pop(pem, None)
        if known is None or known.authorities is not authorities:
            known = _read(pem, authorities)
        self._known[pem] = known  # the last to go
        if len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        return known.told, known.issued


def _read(pem: bytes, authorities: Authorities) -> _Known:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        uri, flaw = _name(certificate)
        told = ClientCertificate(
            uri,
            flaw,
            certificate.issuer,
            certificate.serial_number,
            wall_ns(certificate.not_valid_before_utc),
            wall_ns(certificate.not_valid_after_utc),
        )
    except UNREADABLE as exc:
        return _Known(ClientCertificate("", f"cannot be read ({shown(str(exc))})"), authorities, False)
    return _Known(told, authorities, any(_issued(certificate, one) for one in authorities.certificates))


def _name(certificate: x509.Certificate) -> tuple[str, str]:
    """The URI that it names, or nothing and why."""
    try:
        extensions = certificate.extensions
    except UNREADABLE as exc:
        return "", f"has extensions that cannot be read ({shown(str(exc))})"
    usages = [one.value for one in extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
    if usages and not {Usage.CLIENT_AUTH, Usage.ANY_EXTENDED_KEY_USAGE} & set(usages[0]):
        return "", "is not for clients (extended key usage)"
    names = [one.value for one in extensions if isinstance(one.value, x509.SubjectAlternativeName)]
    uris = names[0].get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if len(uris) != 1:
        return "", f"has {len(uris) or 'no'} URIs among its alternative names; one is needed"
    wrong = uri_problem(uris[0])
    return ("", f"has a URI that {wrong}") if wrong is not None else (uris[0], "")


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except UNREADABLE:
        return False
    return True
