"""What a client may ask for: budgets and the claims that carry them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from agent.errors import BadInput

MAX_LATENCY_MS = 600_000.0
MAX_PARTS_PER_MINUTE = 100_000.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds on one camera (interfaces.md section 3); None means "not asked for".

    `max_latency_ms` bounds the result latency, `parts_per_minute` bounds the service time by 60000 / ppm,
    `min_accuracy` is a share 0..1, `quantile` the share of results that must meet the bounds.
    """

    max_latency_ms: float | None = None
    parts_per_minute: float | None = None
    min_accuracy: float | None = None
    quantile: float = 0.99

    def validated(self) -> Budget:
        """Itself, or BadInput naming the field, the value and what is allowed."""
        _in_range("max_latency_ms", self.max_latency_ms, MAX_LATENCY_MS)
        _in_range("parts_per_minute", self.parts_per_minute, MAX_PARTS_PER_MINUTE)
        _in_range("min_accuracy", self.min_accuracy, 1.0)
        if not (math.isfinite(self.quantile) and 0.5 <= self.quantile <= 0.9999):
            raise BadInput("quantile", f"{self.quantile} is not within 0.5 to 0.9999")
        if self.max_latency_ms is None and self.parts_per_minute is None:
            raise BadInput("budget", "neither max_latency_ms nor parts_per_minute is given; give at least one")
        return self

    def service_limit_ms(self) -> float:
        """Longest service time that the part rate allows; infinite where no rate is asked for."""
        return 60_000.0 / self.parts_per_minute if self.parts_per_minute else math.inf

    def strictest(self, other: Budget) -> Budget:
        """Componentwise the stricter of the two (interfaces.md section 6, Claims)."""
        return Budget(
            max_latency_ms=_least(self.max_latency_ms, other.max_latency_ms),
            parts_per_minute=_most(self.parts_per_minute, other.parts_per_minute),
            min_accuracy=_most(self.min_accuracy, other.min_accuracy),
            quantile=max(self.quantile, other.quantile),
        )


def _in_range(field: str, value: float | None, most: float) -> None:
    if value is None:
        return
    if not math.isfinite(value) or value <= 0 or value > most:
        raise BadInput(field, f"{value} is not a number above 0 and at most {most:g}")


def _least(a: float | None, b: float | None) -> float | None:
    return min((x for x in (a, b) if x is not None), default=None)


def _most(a: float | None, b: float | None) -> float | None:
    return max((x for x in (a, b) if x is not None), default=None)


class Priority(IntEnum):
    """Higher wins (interfaces.md section 6)."""

    DEFAULT = 0
    SCHEDULE = 1
    LEASE = 2
    MANUAL = 3
    MAINTENANCE = 4
    LOCAL_OVERRIDE = 5


class ClaimKind(Enum):
    """Without a ttl a claim is MANUAL and survives restarts; with one it is a LEASE. The others are asked for.

    Only a LEASE that expires calls for the fail-safe budget; others with a ttl just end.
    """

    MANUAL = "manual"
    LEASE = "lease"
    MAINTENANCE = "maintenance"
    LOCAL_OVERRIDE = "local_override"


@dataclass(frozen=True, slots=True)
class Notice:
    """What makes a claim an announced one. Times are CLOCK_BOOTTIME ns under the claim's boot id.

    `id` is what the client was given to commit it by. The claim is in force from `due_boot_ns` on if it was committed;
    if not, it is forgotten at `lapses_boot_ns`. `waits`: its line stands until the camera is ready.
    """

    id: str
    due_boot_ns: int
    lapses_boot_ns: int
    committed_boot_ns: int | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One client's budget for one camera. Expiry is CLOCK_BOOTTIME ns under `boot_id`.

    `notice`: it was announced, and is not in force yet or its line waits for it.
    """

    id: str
    client: str
    camera: str
    kind: ClaimKind
    budget: Budget
    ttl_s: float | None = None
    expires_boot_ns: int | None = None
    boot_id: str = ""
    notice: Notice | None = None

    def expired(self, boot_ns: int, boot_id: str) -> bool:
        """True once its time is up, or when the machine has booted since it was set."""
        if self.expires_boot_ns is None:
            return False
        return boot_id != self.boot_id or boot_ns >= self.expires_boot_ns

    def renewed(self, boot_ns: int, boot_id: str) -> Claim:
        """The same claim with its full ttl from now."""
        if self.ttl_s is None:
            return self
        return replace(self, expires_boot_ns=boot_ns + round(self.ttl_s * 1e9), boot_id=boot_id)

    def in_force(self, boot_ns: int, boot_id: str) -> bool:
        """Whether it counts, unless it has expired: one that was announced does so from its time on."""
        notice = self.notice
        if notice is None:
            return True
        if notice.committed_boot_ns is None:
            return False
        return notice.waits or (boot_id == self.boot_id and boot_ns >= notice.due_boot_ns)


@dataclass(frozen=True, slots=True)
class EffectiveBudget:
    """The budget in force on a camera and where it comes from; `id` is new whenever either changes."""

    id: str
    budget: Budget
    priority: Priority
    claims: tuple[str, ...]
    fail_safe: bool = False
