"""Why nobody answers, and what to do: gRPC tells it at length and in the words of the operating system."""

from __future__ import annotations

_DENIED = "Permission denied"
# The first that fits: a mark in gRPC's message, then what is said of a socket and of an address.
_CAUSES = (
    (
        "No such file or directory",
        "there is no such socket; is it running? Start it (systemctl start ofa-agent), or name its socket (--socket)",
        "",
    ),
    (
        _DENIED,
        "this user may not use its socket: become a member of its group (ls -l shows it; usermod -aG, then log in"
        " again), or use sudo",
        "",
    ),
    (
        "Connection refused",
        "nobody listens at its socket; is it running? See systemctl status ofa-agent",
        "the connection is refused; is it running, and does api.tcp.listen of its config name this port?",
    ),
    (
        "DNS resolution failed",
        "",
        "the name is not known; is it running under another one? Give its IP address, with --server-name",
    ),
    (
        "No route to host",
        "",
        "there is no route to it; is it running? Look at the cable, the address and the firewalls between",
    ),
    (
        "imed out",
        "",
        "the connection timed out; is it running? Look at the address and the firewalls between",
    ),
)


def is_denied(message: str, target: str) -> bool:
    """Whether the agent's socket is there, and not for this user."""
    return _is_local(target) and _DENIED in message


def why_absent(message: str, target: str) -> str:
    """The end of `no answer from the agent`, in one line; gRPC's own words where they are of no known kind."""
    local = _is_local(target)
    for mark, socket_words, address_words in _CAUSES:
        words = socket_words if local else address_words
        if mark in message and words:
            return f": {words}"
    return f" ({message}); is it running?"


def _is_local(target: str) -> bool:
    return target.startswith("unix")
