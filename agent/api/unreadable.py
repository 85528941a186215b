"""What `cryptography` raises for damaged certificates, keys and lists: it reads them bit by bit, when asked."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from agent.errors import shown

UNREADABLE = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def name_shown(whose: x509.Certificate | x509.CertificateRevocationList) -> str:
    """The name of a certificate, or of the issuer of a list, for a message: of bounded length, on one line."""
    try:
        name = whose.subject if isinstance(whose, x509.Certificate) else whose.issuer
        return repr(shown(name.rfc4514_string()))
    except UNREADABLE:
        return "a name that cannot be read"
