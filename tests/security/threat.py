"""One row of the threat table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Entry(Enum):
    """Where something from outside comes in; the value is what the page calls it."""

    UNIX = "unix socket"
    TCP = "TCP with mutual TLS"
    WEB = "status page"
    REQUEST = "requests, over either"
    CONFIG = "config file"
    LIBRARY = "library folder"
    KEYS = "keys"
    STATE = "state folder"
    CAMERA = "camera"
    COMMAND = "command line"
    BUNDLE = "support bundle"
    TRACE = "replay trace"


class Attacker(Enum):
    """Who, with what that one can reach."""

    LOCAL = "local user"
    CLIENT = "client"
    NETWORK = "plant network"
    SITE = "foreign site"
    SUPPLIER = "supplier"
    EDITOR = "config writer"
    DISK = "disk"
    DEVICE = "device"
    READER = "bundle reader"


REACH = {
    Attacker.LOCAL: "an account on the agent's machine without a role there; can open what is open to all",
    Attacker.CLIENT: "a gateway or a person with a valid role, or a program of theirs that is broken or taken over",
    Attacker.NETWORK: "any machine on the plant's network; without a certificate of the plant, or with an old one",
    Attacker.SITE: "a web page of somebody else's, open in a browser that reaches the agent's status page",
    Attacker.SUPPLIER: "whoever can put files where the library or its keys are read, or ship them to the plant",
    Attacker.EDITOR: "whoever may write the config file, also by mistake",
    Attacker.DISK: "whoever can change files of the state folder while the agent does not look; also a failing disk",
    Attacker.DEVICE: "another camera in place of the known one, or firmware that answers wrongly",
    Attacker.READER: "whoever gets a support bundle to read",
}


@dataclass(frozen=True, slots=True)
class Threat:
    """`control` is the one place in the code (`module:name`) without which the threat comes true; `test` a node id of
    pytest that fails without it, with `[case]` where one of several is meant."""

    id: str
    entry: Entry
    attacker: Attacker
    threat: str
    control: str
    test: str
