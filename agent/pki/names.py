"""Names that get into certificates: of plants (SPIFFE trust domains), clients and hosts."""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias

from agent.errors import BadInput

IpAddress: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

MAX_PLANT, MAX_HOST = 48, 253  # X.509 takes 64 characters for a common name; the CA's has a suffix
MAX_CLIENT, MAX_URI = 64, 96  # the agent takes no longer URI for a client's
SERIAL_DIGITS = 16
_PLANT = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_CLIENT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SERIAL = re.compile(rf"[0-9a-f]{{{SERIAL_DIGITS}}}")


def check_plant(name: str) -> str:
    """A trust domain: what stands after `spiffe://` in the names of its clients. Raises BadInput."""
    if not _PLANT.fullmatch(name) or len(name) > MAX_PLANT or _address(name) is not None:
        allowed = f"at most {MAX_PLANT} of a-z 0-9 . - _, a letter or digit at both ends, no IP address"
        raise BadInput("--plant", f"{name!r} is no name of a plant; {allowed}")
    return name


def check_client(name: str) -> str:
    """What stands after the plant in a client's URI: `plc-3`, `engineering/anna`. Raises BadInput."""
    if not all(_CLIENT.fullmatch(part) for part in name.split("/")) or len(name) > MAX_CLIENT:
        allowed = (
            f"at most {MAX_CLIENT} of A-Z a-z 0-9 . - _, a letter or digit at both ends, in parts with a / between"
        )
        raise BadInput("NAME", f"{name!r} is no name of a client; {allowed}")
    if is_serial(name.lower()):
        raise BadInput("NAME", f"{name!r} looks like a serial number; choose another name")
    return name


def check_host(name: str) -> str:
    """A DNS name or an IP address as it gets into a certificate. Raises BadInput."""
    address = _address(name)
    if address is not None:
        return str(address)
    host = name.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise BadInput("--host", f"{name!r} is neither a DNS name nor an IP address (no port, no wildcard)")
    if is_serial(host):
        raise BadInput("--host", f"{name!r} looks like a serial number; use the full DNS name")
    return host


def host_address(host: str) -> IpAddress | None:
    """The address that a checked host is; None for a DNS name."""
    return _address(host)


def is_serial(text: str) -> bool:
    return _SERIAL.fullmatch(text) is not None


def client_uri(plant: str, name: str) -> str:
    """What `api.tcp.roles` names a client by. Raises BadInput."""
    uri = f"spiffe://{plant}/{check_client(name)}"
    if len(uri) > MAX_URI:
        raise BadInput("NAME", f"{uri} has {len(uri)} characters, at most {MAX_URI} are taken; choose a shorter name")
    return uri


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
