"""What is wrong where no TLS connection comes about: gRPC tells it in the words of its library."""

from __future__ import annotations

# The first that fits. What the agent refuses of a client, a client is not told: TLS 1.3 closes the connection.
_HINTS = (
    (
        ("Hostname Verification Check failed",),
        "the agent's certificate is not for this name or address; use one that it is for, or give that one as the"
        " server name (--server-name)",
    ),
    (
        ("unable to get local issuer certificate", "self signed certificate", "self-signed certificate"),
        "the agent's certificate was issued by another CA than the one given (--ca); take the ca.pem of this agent",
    ),
    (("certificate has expired",), "the agent's certificate has ended; have it renewed on the agent's machine"),
    (
        ("certificate is not yet valid",),
        "the agent's certificate is not valid yet; look at the clocks of both machines",
    ),
    (("unsupported certificate purpose",), "the certificate at this address is not one of a server"),
    (("CERTIFICATE_VERIFY_FAILED",), "the agent's certificate does not verify"),
    (("WRONG_VERSION_NUMBER",), "what answers there speaks no TLS; is it the port of api.tcp.listen?"),
)
_CLOSED = ("Socket closed", "Connection reset")
_REFUSED = (
    "the connection was closed as it began; the agent wants a certificate that a CA of its api.tcp.tls.client_ca has"
    " issued to a client and that is valid today"
)


def hint(message: str, target: str) -> str:
    """What to do about gRPC's message of a connection that failed; '' where it is no matter of TLS."""
    found = next((text for marks, text in _HINTS if any(mark in message for mark in marks)), "")
    over_tcp = not target.startswith("unix")
    if not found and over_tcp and "failed to connect" in message and any(mark in message for mark in _CLOSED):
        return _REFUSED
    return found
