"""Under which names a browser may ask for the page. Pure.

A page of somebody else's can have its own name resolve to this machine (DNS rebinding) and then read whatever answers.
Its name is then in the Host header; an address is no name, so addresses are always right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Sequence

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9][A-Za-z0-9.-]{0,252}))(?::[0-9]{1,5})?")


def own_names(listen_host: str, machine: str) -> frozenset[str]:
    """The names that stand for this machine: the one that the config listens on, the machine's own, and localhost."""
    bare = listen_host.strip("[]")
    names = {"localhost", machine, *([] if _is_address(bare) else [bare])}
    return frozenset(name.lower() for name in names if name)


def host_problem(headers: Sequence[str], names: Collection[str]) -> str | None:
    """Why a request with these Host headers is refused; None where it may be answered."""
    if len(headers) != 1:
        return f"{len(headers)} Host headers, wanted 1"
    matched = _HOST.fullmatch(headers[0])
    if matched is None:
        return "the Host header is no name and no address"
    address, name = matched.groups()
    if address is not None or _is_address(name):
        return None if _is_address(address or name) else "the Host header has an address that is none"
    if name.lower().rstrip(".") in names:
        return None
    return f"this page does not go by that name; open it by its address, or as {' or '.join(sorted(names))}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    bare = host.strip("[]")
    return ipaddress.ip_address(bare).is_loopback if _is_address(bare) else bare.lower() == "localhost"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
