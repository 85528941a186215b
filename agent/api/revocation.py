"""Lists of revoked certificates (CRLs, RFC 5280): read whole, believed only where a CA of the clients signed them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from agent.api.unreadable import UNREADABLE, name_shown
from agent.errors import BadInput

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_KNOWN = (x509.IssuingDistributionPoint, x509.AuthorityKeyIdentifier, x509.CRLNumber)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Serial numbers by issuer, when each list was made, and when the first of them is due again.

    A name is the same in whatever string type of ASN.1 it is written: that of a list need not be that of a certificate.
    """

    serials: Mapping[x509.Name, frozenset[int]] = field(default_factory=dict)
    made_ns: Mapping[x509.Name, int] = field(default_factory=dict)
    next_update_ns: int | None = None

    def has(self, issuer: x509.Name, serial: int) -> bool:
        """Whether that certificate was revoked."""
        return serial in self.serials.get(issuer, ())


def read_revocations(path: Path, data: bytes, authorities: Sequence[x509.Certificate]) -> Revocations:
    """The lists in a file (several PEM, or one DER), each signed by one of these. Raises BadInput."""
    serials: dict[x509.Name, frozenset[int]] = {}
    made_ns: dict[x509.Name, int] = {}
    due_ns: list[int] = []
    for one in _lists(path, data):
        try:
            _check(path, one, authorities)
            issuer = one.issuer
            serials[issuer] = serials.get(issuer, frozenset()) | {entry.serial_number for entry in one}
            made_ns[issuer] = max(made_ns.get(issuer, 0), _ns(one.last_update_utc))
            due_ns += [] if one.next_update_utc is None else [_ns(one.next_update_utc)]
        except BadInput:
            raise
        except UNREADABLE as exc:
            raise _wrong(path, "is damaged") from exc
    return Revocations(serials, made_ns, min(due_ns, default=None))


def _lists(path: Path, data: bytes) -> list[x509.CertificateRevocationList]:
    blocks: list[bytes] = _BLOCK.findall(data)
    try:
        if blocks:
            return [x509.load_pem_x509_crl(block) for block in blocks]
        return [x509.load_der_x509_crl(data)]
    except UNREADABLE as exc:
        raise _wrong(path, "holds no list of revoked certificates (CRL, PEM or DER)") from exc


def _check(path: Path, one: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]) -> None:
    if not any(_signed(one, authority) for authority in authorities):
        raise _wrong(path, f"has a list of {name_shown(one)} that no CA of `client_ca` signed")
    for extension in one.extensions:
        if extension.critical and not isinstance(extension.value, _KNOWN):
            raise _wrong(path, f"is a list in parts ({extension.oid.dotted_string}); a whole one is needed")
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint) and (point.indirect_crl or point.only_some_reasons):
            raise _wrong(path, "is a list for other CAs or for some reasons only; a whole one is needed")


def _signed(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if one.issuer != authority.subject:
        return False
    try:
        return one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except UNREADABLE:
        return False


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000


def _wrong(path: Path, reason: str) -> BadInput:
    return BadInput("api.tcp.tls.revoked", f"{path} {reason}")
