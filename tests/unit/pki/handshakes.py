"""Two ends of a TLS connection in memory: what OpenSSL, as part of Python, makes of certificates."""

from __future__ import annotations

import ssl
from pathlib import Path


def mutual_tls(ca: Path, server: Path, client: Path, host: str, revoked: Path | None = None) -> None:
    """Both ends show their certificate (folders with cert.pem and key.pem). Raises ssl.SSLError where one refuses."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.verify_mode = ssl.CERT_REQUIRED
    asked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, folder in ((served, server), (asked, client)):
        context.load_verify_locations(ca)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if revoked is not None:
        served.load_verify_locations(revoked)
        served.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    _shake(served, asked, host)


def _shake(served: ssl.SSLContext, asked: ssl.SSLContext, host: str) -> None:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [asked.wrap_bio(down, up, server_hostname=host), served.wrap_bio(up, down, server_side=True)]
    while ends:
        for end in tuple(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
