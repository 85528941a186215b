"""What was ordered of a camera beside budgets: who moves its network, a pin, and interlocks. Durable but for
permits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Mode(Enum):
    """Who moves the network; stable strings.

    AUTO: the policy, and a pin outranks budgets. MANUAL: commands only, and claims of local override. MAINTENANCE: as
    MANUAL, for those at the machine itself, and claims of maintenance count.
    """

    AUTO = "auto"
    MANUAL = "manual"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Pin:
    """The sub-net that is to run whatever the budget says; `rollback`: it was pinned by going back to it."""

    subnet_id: str
    client: str
    wall_ns: int
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class Inhibit:
    """One client's word against swaps. Without `ttl_s` it holds until it is taken back; else it ends by itself at
    `expires_boot_ns` (CLOCK_BOOTTIME) under `boot_id`, and with the boot."""

    client: str
    why: str = ""
    ttl_s: float | None = None
    expires_boot_ns: int | None = None
    boot_id: str = ""

    def expired(self, boot_ns: int, boot_id: str) -> bool:
        """True once its time is up, or when the machine has booted since it was said."""
        if self.expires_boot_ns is None:
            return False
        return boot_id != self.boot_id or boot_ns >= self.expires_boot_ns


@dataclass(frozen=True, slots=True)
class Lapse:
    """A lease of that client expired at `since_boot_ns` (CLOCK_BOOTTIME) under `boot_id`, and nobody has answered yet:
    the fail-safe budget is in force.
    """

    client: str
    since_boot_ns: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Orders:
    """Standing orders of one camera. `mode_by`: who chose the mode, empty where nobody did."""

    mode: Mode = Mode.AUTO
    mode_by: str = ""
    pin: Pin | None = None
    inhibits: tuple[Inhibit, ...] = ()
    lapse: Lapse | None = None

    def inhibited(self, inhibit: Inhibit) -> Orders:
        """With that client's word in place of its last one."""
        others = [one for one in self.inhibits if one.client != inhibit.client]
        return replace(self, inhibits=tuple(sorted([*others, inhibit], key=lambda one: one.client)))

    def permitted(self, client: str | None) -> Orders:
        """Without that client's inhibition; None: without any."""
        left = tuple(one for one in self.inhibits if client is not None and one.client != client)
        return replace(self, inhibits=left)

    def live(self, boot_ns: int, boot_id: str) -> Orders:
        """Without the inhibitions that have ended."""
        if not self.inhibits:
            return self
        left = tuple(one for one in self.inhibits if not one.expired(boot_ns, boot_id))
        return self if len(left) == len(self.inhibits) else replace(self, inhibits=left)


NO_ORDERS = Orders()


class Window(Enum):
    """When swaps may begin (policy.swap.window); stable strings."""

    ANY = "any"
    LINE_STOPPED = "line_stopped"
    PERMIT = "permit"
