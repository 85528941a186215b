"""What each sub-net's times are bounded by on this host and camera, learned from results.

    log service time of net k = log m_k + o_k + gamma_k x + residual

m_k is the net's profile on this camera, or the prediction of its library with a wide offset o_k; x one slow-down for
all nets, gamma_k the net's sensitivity to it (`slowdown`), followed by the net that runs (`level`); the residuals'
distribution is pooled (`conformal`). A bound is U_k = m_k exp(o_k + gamma_k x + sqrt(q^2 + z^2 v_k)): q of residuals
and what is not known of the level (v_k, by which the level of a net that does not run is less certain) are independent,
so that their squares add.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.policy.conformal import CELLS
from agent.policy.delivery import MIN_MEASURED, Delivery, z_score
from agent.policy.learned import SCHEMA, SavedTiming, as_document, parsed
from agent.policy.level import SETTLED
from agent.policy.rows import NetTable, Shown
from agent.policy.slowdown import SLOTS
from agent.policy.tracking import Tracking

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Basis = Literal["results", "profile", "prediction"]

MOST_SHOWN = 8  # sets of rows that are asked for in turn


class LatencyModel:
    """Mutable and deterministic; nets are named by id, and for speed by row, their place in `predicted_ms`.

    `prior_sigma` is of the logarithm of one net's factor on its prediction.
    """

    def __init__(
        self, predicted_ms: Mapping[str, float], prior_sigma: float = 0.15, prior_transfer_ms: float = 12.0
    ) -> None:
        self._tracking = Tracking(prior_sigma)
        self._delivery = Delivery(prior_transfer_ms)
        self._shown: dict[bytes, Shown] = {}
        self._version = 0
        self.use(predicted_ms)

    def use(self, predicted_ms: Mapping[str, float]) -> None:
        """The nets of another catalogue, in its order; what is known of nets by their id is kept."""
        self._tracking.use(predicted_ms)

    def set_profile(self, profile: NetProfile, stale: bool = False) -> None:
        """What was measured of a net at a slow-down of 1; `stale`: it may no longer hold (`ProfileAge.stale_why`).

        A newer measurement than the one before replaces what results have told of the net since; other profiles leave
        that alone.
        """
        self._tracking.set_profile(profile, stale)

    def observe(self, subnet_id: str, samples: Sequence[LatencySample]) -> None:
        """Results of one net, oldest first, one that is not in the catalogue included; what is no time is left out."""
        self._delivery.observe(samples)
        self._tracking.observe(subnet_id, [sample.service_ms for sample in samples if sample.service_ms is not None])

    def observe_services(self, subnet_id: str, service_ms: Floats) -> None:
        """The same for service times alone."""
        self._tracking.observe(subnet_id, service_ms.tolist())

    def levels_ms(self, rows: Rows) -> Floats:
        """Median service time of each row now."""
        return np.exp(self._levels(self._show(rows)))

    def service_bounds_ms(self, rows: Rows, quantile: float) -> Floats:
        """U_k: service time that `quantile` of each row's results stay within."""
        return self._bounds(self._show(rows), quantile)

    def meets(self, rows: Rows, limit_ms: float) -> Floats:
        """p_k: probability that one result's service time is within the limit."""
        return self.meets_and_seems(rows, limit_ms)[0]

    def meets_and_seems(self, rows: Rows, limit_ms: float) -> tuple[Floats, Floats]:
        """p_k, and what it would be if levels were as they seem."""
        shown = self._show(rows)
        return self._within(self._levels(shown), self._unsure(shown), limit_ms)

    def outlook(self, rows: Rows, limit_ms: float, quantile: float) -> tuple[Floats, Floats, Floats, Floats]:
        """(logarithm of the level in ms, U_k, p_k, p_k if levels were as they seem): at once what else is asked for one
        by one, for who asks often."""
        shown = self._show(rows)
        levels, unsure = self._levels(shown), self._unsure(shown)
        return levels, self._beyond(levels, unsure, quantile), *self._within(levels, unsure, limit_ms)

    def service_bound_ms(self, subnet_id: str, quantile: float) -> float:
        """U_k of one net, of a retired one too. Raises KeyError for one that nothing is known of."""
        net = self._tracking.nets[subnet_id]
        if net.row >= 0:
            return float(self.service_bounds_ms(np.array([net.row]), quantile)[0])
        alone = NetTable(1)
        alone.scale = self._tracking.table.scale
        alone.write(0, net)
        return float(self._bounds(self._shown_now(alone, np.zeros(1, dtype=np.intp)), quantile)[0])

    def service_bound_each_ms(self, subnet_ids: Sequence[str], quantile: float) -> dict[str, float]:
        """U_k of each net that anything is known of, at once: thousands one by one are half a second."""
        nets = self._tracking.nets
        rows = {subnet_id: nets[subnet_id].row for subnet_id in subnet_ids if subnet_id in nets}
        held = {subnet_id: row for subnet_id, row in rows.items() if row >= 0}
        bounds_ms = self.service_bounds_ms(np.fromiter(held.values(), np.intp, len(held)), quantile).tolist()
        retired_ms = {subnet_id: self.service_bound_ms(subnet_id, quantile) for subnet_id in rows.keys() - held.keys()}
        return {**dict(zip(held, bounds_ms, strict=True)), **retired_ms}

    def delivered_ms(self, service_ms: float, quantile: float, frame_period_ms: float | None) -> float:
        """Result latency of a service time: the wait for the carrying frame and its transfer at `quantile`."""
        return self._delivery.delivered_ms(service_ms, quantile, frame_period_ms)

    def measured(self, subnet_id: str) -> int:
        """How many results this net's bounds rest on: its own, else its profile's; 0 = on its prediction."""
        net = self._tracking.nets.get(subnet_id)
        if net is None or not net.known:
            return 0
        return net.count if net.count >= MIN_MEASURED or net.profile is None else net.profile.count

    def basis(self, subnet_id: str) -> Basis:
        """What this net's bounds rest on."""
        net = self._tracking.nets.get(subnet_id)
        if net is None or not net.known:
            return "prediction"
        return "results" if net.count >= MIN_MEASURED else "profile"

    @property
    def slowdown(self) -> float:
        """exp(x) now: 1 as profiled, 1.25 a quarter slower for a net of usual sensitivity."""
        return math.exp(self._tracking.x())

    @property
    def slowdown_sigma(self) -> float:
        """Standard deviation of x."""
        return math.sqrt(self._tracking.state.variance)

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON; empty before the first result. Profiles are kept elsewhere, and set before
        `restore`."""
        if not self._tracking.seen and not self._delivery.transfer.count:
            return {}
        return as_document(SavedTiming(SCHEMA, self._tracking.saved(), self._delivery.saved()))

    def restore(self, saved: Mapping[str, object]) -> None:
        """Take over what another run had learned of this camera, in place of what is known; nothing if it does not fit.

        A net whose profile is another now keeps the level that its results have shown.
        """
        document = parsed(saved, SLOTS, CELLS)
        if document is not None:
            self._delivery.restore(document.delivery)
            self._tracking.restore(document.tracking)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is asked for meanwhile leaves no trace; nothing may be observed."""
        with self._tracking.residuals.unchanged():
            yield

    def _levels(self, shown: Shown) -> Floats:
        known = self._tracking
        return shown.base + shown.share * (known.filter.level - known.at_level)

    def _bounds(self, shown: Shown, quantile: float) -> Floats:
        return self._beyond(self._levels(shown), self._unsure(shown), quantile)

    def _beyond(self, levels: Floats, unsure: Floats, quantile: float) -> Floats:
        beyond, z = self._tracking.residuals.bound(quantile), z_score(quantile)
        return np.exp(levels + np.sqrt(beyond * beyond + (z * z) * unsure))

    def _within(self, levels: Floats, unsure: Floats, limit_ms: float) -> tuple[Floats, Floats]:
        variance = np.zeros((2, len(levels)))
        if not limit_ms > 0.0:
            return variance[0], variance[1]
        variance[0] = unsure
        met, seems = self._tracking.residuals.share_within(math.log(limit_ms) - levels, variance)
        return met, seems

    def _show(self, rows: Rows) -> Shown:
        if self._version != self._tracking.version or len(self._shown) > MOST_SHOWN:
            self._shown.clear()
            self._version = self._tracking.version
        key = rows.tobytes()
        shown = self._shown.get(key)
        if shown is None:
            shown = self._shown[key] = self._shown_now(self._tracking.table, rows)
        return shown

    def _shown_now(self, table: NetTable, rows: Rows) -> Shown:
        known = self._tracking
        shown = table.show(rows, known.state, known.shared, known.at.seen)
        return replace(shown, extra=self._extra(shown, known.at.noise_variance, known.at.level_variance))

    def _unsure(self, shown: Shown) -> Floats:
        """`_extra`, which changes from result to result only while a net's level is new."""
        known = self._tracking
        if not known.fresh:
            return shown.extra
        noise = known.noise_variance()
        return self._extra(shown, noise, noise / known.filter.weight)

    def _extra(self, shown: Shown, noise: float, level_variance: float) -> Floats:
        """Variance of each row's level beyond what residuals of a settled level have in them."""
        known = self._tracking
        moved = level_variance - known.at_variance if known.shared is not None else 0.0
        return np.maximum(shown.variance + shown.share * shown.share * moved - noise / SETTLED, 0.0)
