"""What a camera measured of one sub-net, and for how long that may be believed.

A profile belongs to a camera (its serial) and to the bytes of a network (their digest): another camera of the same
model takes up to a tenth longer or shorter for the same bytes, and the same id may name other bytes in another library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Range: TypeAlias = tuple[float, float]
DAY_NS = 86_400_000_000_000
QUANTILES = (0.01, 0.05, 0.25, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999)
_NORMAL_QUARTILE = 0.6745  # of a standard normal distribution: what makes the quartiles' width a sigma


class ProfileSource(Enum):
    """Who measured; stable strings of the journal."""

    COMMISSIONING = "commissioning"  # `ofa-agent profile`
    IDLE = "idle"  # by the agent itself, while the line stood
    PRODUCTION = "production"  # the active net's own results


@dataclass(frozen=True, slots=True)
class NetProfile:
    """One sub-net as measured on one camera.

    `median_ms` is of `count` service times at a slow-down of 1; `sigma` the standard deviation of the logarithm of
    service time / median, from its quartiles, so that spikes do not count; `quantiles` are (q, ratio to the median),
    rising in both, for those q that `count` results can tell. `swap_s` is the measured gap of a swap to it, None where
    none was measured; `temperature_c` the range of the camera meanwhile, None where it tells none; `wall_ns` the end.
    """

    subnet_id: str
    count: int
    median_ms: float
    sigma: float
    quantiles: tuple[tuple[float, float], ...]
    swap_s: float | None
    temperature_c: Range | None
    firmware: str
    wall_ns: int
    source: ProfileSource = ProfileSource.COMMISSIONING

    @classmethod
    def of(
        cls,
        subnet_id: str,
        service_ms: Sequence[float] | NDArray[np.float64],
        firmware: str,
        wall_ns: int,
        *,
        swap_s: float | None = None,
        temperature_c: Range | None = None,
        source: ProfileSource = ProfileSource.COMMISSIONING,
    ) -> NetProfile:
        """From service times in ms, of which there is at least one; each is finite and above 0."""
        ordered = np.sort(np.asarray(service_ms, dtype=np.float64))
        median_ms = float(np.median(ordered))
        ratios = ordered / median_ms
        low, high = np.log(np.quantile(ratios, (0.25, 0.75)))
        told = [q for q in QUANTILES if min(q, 1.0 - q) * len(ordered) >= 1.0 - 1e-9]
        return cls(
            subnet_id=subnet_id,
            count=len(ordered),
            median_ms=median_ms,
            sigma=float(high - low) / (2 * _NORMAL_QUARTILE),
            quantiles=tuple((q, float(np.quantile(ratios, q, method="higher"))) for q in told),
            swap_s=swap_s,
            temperature_c=temperature_c,
            firmware=firmware,
            wall_ns=wall_ns,
            source=source,
        )

    def sound(self) -> bool:
        """Whether its figures can be what `of` makes; a journal may have been written by anybody."""
        figures = [self.median_ms, self.sigma, *(x for pair in self.quantiles for x in pair)]
        figures += [] if self.swap_s is None else [self.swap_s]
        figures += [] if self.temperature_c is None else list(self.temperature_c)
        return self.count >= 1 and all(map(math.isfinite, figures)) and self.median_ms > 0 and self.sigma >= 0

    def renewed(self, later: NetProfile) -> NetProfile:
        """`later` measurements of the same bytes; what they lack (gap, temperature) stays, temperatures add up."""
        swap_s = self.swap_s if later.swap_s is None else later.swap_s
        temperature_c = later.temperature_c or self.temperature_c
        if self.temperature_c and later.temperature_c:
            pairs = (self.temperature_c, later.temperature_c)
            temperature_c = (min(low for low, _ in pairs), max(high for _, high in pairs))
        return replace(later, swap_s=swap_s, temperature_c=temperature_c)


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile in the journal: of the network of that sha256 (hex), on the camera of that serial."""

    serial: str
    sha256: str
    profile: NetProfile


@dataclass(frozen=True, slots=True)
class ProfileAge:
    """How long a profile holds: `max_age_days` after it was measured, for the same firmware, and for camera
    temperatures up to `margin_c` beyond those that it was measured at."""

    max_age_days: float = 90.0
    margin_c: float = 10.0

    def stale_why(self, profile: NetProfile, firmware: str, temperature_c: float | None, wall_ns: int) -> str:
        """Why a profile is no longer to be relied on, in words; empty while it is."""
        if profile.firmware != firmware:
            return f"measured with firmware {profile.firmware}, the camera has {firmware} now"
        age_days = (wall_ns - profile.wall_ns) / DAY_NS
        if age_days > self.max_age_days:
            return f"measured {age_days:.0f} days ago, at most {self.max_age_days:g} are allowed"
        if profile.temperature_c is not None and temperature_c is not None:
            low, high = profile.temperature_c
            if not low - self.margin_c <= temperature_c <= high + self.margin_c:
                return f"measured at {low:.0f} to {high:.0f} °C, the camera is at {temperature_c:.0f} °C now"
        return ""


def newest(profiles: Sequence[StoredProfile]) -> Mapping[str, NetProfile]:
    """The newest profile of each network, by its sha256; of equally old ones the last."""
    found: dict[str, NetProfile] = {}
    for stored in profiles:
        known = found.get(stored.sha256)
        if known is None or stored.profile.wall_ns >= known.wall_ns:
            found[stored.sha256] = stored.profile
    return found
