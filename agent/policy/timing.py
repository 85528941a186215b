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
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.policy.conformal import CELLS, Residuals
from agent.policy.delivery import MIN_MEASURED, Delivery, z_score
from agent.policy.learned import SCHEMA, SavedTiming, as_document, parsed
from agent.policy.level import SETTLED, LevelFilter
from agent.policy.rows import AGE_RESULTS, AGE_SIGMA, Net, NetTable, Shown
from agent.policy.slowdown import SLOTS, Slowdown, Standing

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Basis = Literal["results", "profile", "prediction"]

SCALE_SIGMA = 0.3  # how far a whole camera may be from its predictions (policy.md, Model: 5-18 % median is usual)
PROFILE_SIGMA = 0.005  # of the logarithm of a profile's median: 300 results at 2 % leave .15 %, days between more
BLOCK = 40  # results that tell a level to .3 % at 2 % jitter
LEAST_BLOCK = 8
STEP_PRIOR_RESULTS = 3000.0  # one step of the slow-down in so many results, before any was seen
LEAST_STEP_SHARE = 1e-4
STEP_ODDS = 20.0  # of a step against spikes in a row
MOST_SHOWN = 8  # sets of rows that are asked for in turn
TIMES_MS = (1e-6, 1e9)  # beyond, a measurement is none
_MOST_EXPONENT = 700.0


class LatencyModel:
    """Mutable and deterministic; nets are named by id, and for speed by row, their place in `predicted_ms`."""

    def __init__(
        self, predicted_ms: Mapping[str, float], prior_sigma: float = 0.15, prior_transfer_ms: float = 12.0
    ) -> None:
        self._prior_sigma = prior_sigma
        self._nets: dict[str, Net] = {}
        self._slots: list[str] = []  # ids, the one that ran last at the end
        self._state = Slowdown()
        self._filter = LevelFilter()
        self._residuals = Residuals()
        self._delivery = Delivery(prior_transfer_ms)
        self._latest: str | None = None
        self._fresh = False  # the running net has not been compared yet with what was expected of it
        self._seen = 0
        self._steps = 0
        self._ratios: dict[str, float] = {}  # measured against predicted, logarithms
        self._ratio_sum = 0.0
        self._scale = 0.0  # their mean, shrunk to 0
        self._shown: dict[bytes, Shown] = {}
        self._shared: Floats | None = None  # what the running net's level moves of each place of the slow-down
        self._shown_level = 0.0  # of the running net, when rows were shown
        self._shown_variance = 0.0
        self._shown_seen = 0
        self.use(predicted_ms)

    def use(self, predicted_ms: Mapping[str, float]) -> None:
        """The nets of another catalogue, in its order; what is known of nets by their id is kept."""
        for net in self._nets.values():
            net.row = -1
        prior = Standing(0.0, self._prior_sigma**2)
        for row, (subnet_id, ms) in enumerate(predicted_ms.items()):
            predicted = math.log(ms) if TIMES_MS[0] <= ms <= TIMES_MS[1] else None
            net = self._nets.setdefault(subnet_id, Net(predicted, predicted, prior))
            net.predicted, net.row = predicted, row
            if not net.known:
                net.base = predicted
        retired = [subnet_id for subnet_id, net in self._nets.items() if net.row < 0 and net.slot == SLOTS]
        for subnet_id in retired:
            del self._nets[subnet_id]
            self._ratio_sum -= self._ratios.pop(subnet_id, 0.0)
        self._table = NetTable(len(predicted_ms))
        self._table.scale = self._scale
        for net in self._nets.values():
            self._write(net)
        self._changed()

    def set_profile(self, profile: NetProfile) -> None:
        """What was measured of a net at a slow-down of 1. It replaces a prediction, not what results have shown."""
        net = self._nets.setdefault(profile.subnet_id, Net(None, None, Standing(0.0, 0.0)))
        base = math.log(profile.median_ms)
        if net.count < MIN_MEASURED:
            noise = 1.25 * profile.sigma / math.sqrt(profile.count)  # standard error of a median
            net.standing = Standing(0.0, PROFILE_SIGMA**2 + noise**2)
            net.base = base
            net.first.clear()
            if net.slot < SLOTS:
                self._state.put(net.slot, net.standing)
        net.profile = profile
        self._residuals.seed(profile)
        self._note_ratio(profile.subnet_id, net)
        self._write(net)
        self._changed()

    def observe(self, subnet_id: str, samples: Sequence[LatencySample]) -> None:
        """Results of one net, oldest first, one that is not in the catalogue included; what is no time is left out."""
        self._delivery.observe(samples)
        self._take(subnet_id, [sample.service_ms for sample in samples if sample.service_ms is not None])

    def observe_services(self, subnet_id: str, service_ms: Floats) -> None:
        """The same for service times alone."""
        self._take(subnet_id, service_ms.tolist())

    def levels_ms(self, rows: Rows) -> Floats:
        """Median service time of each row now."""
        return _exp(self._levels(self._show(rows)))

    def service_bounds_ms(self, rows: Rows, quantile: float) -> Floats:
        """U_k: service time that `quantile` of each row's results stay within."""
        return self._bounds(self._show(rows), quantile)

    def meets(self, rows: Rows, limit_ms: float) -> Floats:
        """p_k: probability that one result's service time is within the limit."""
        if not limit_ms > 0.0:
            return np.zeros(len(rows))
        shown = self._show(rows)
        return self._residuals.share_within(math.log(limit_ms) - self._levels(shown), self._extra(shown))

    def service_bound_ms(self, subnet_id: str, quantile: float) -> float:
        """U_k of one net, of a retired one too. Raises KeyError for one that nothing is known of."""
        net = self._nets[subnet_id]
        if net.row >= 0:
            return float(self.service_bounds_ms(np.array([net.row]), quantile)[0])
        alone = NetTable(1)
        alone.scale = self._scale
        alone.write(0, net)
        shown = alone.show(np.zeros(1, dtype=np.intp), self._state, self._shared, self._shown_seen)
        return float(self._bounds(shown, quantile)[0])

    def delivered_ms(self, service_ms: float, quantile: float, frame_period_ms: float | None) -> float:
        """Result latency of a service time: the wait for the carrying frame and its transfer at `quantile`."""
        return self._delivery.delivered_ms(service_ms, quantile, frame_period_ms)

    def measured(self, subnet_id: str) -> int:
        """How many results this net's bounds rest on: its own, else its profile's; 0 = on its prediction."""
        net = self._nets.get(subnet_id)
        if net is None or not net.known:
            return 0
        return net.count if net.count >= MIN_MEASURED or net.profile is None else net.profile.count

    def basis(self, subnet_id: str) -> Basis:
        """What this net's bounds rest on."""
        net = self._nets.get(subnet_id)
        if net is None or not net.known:
            return "prediction"
        return "results" if net.count >= MIN_MEASURED else "profile"

    @property
    def slowdown(self) -> float:
        """exp(x) now: 1 as profiled, 1.25 a quarter slower for a net of usual sensitivity."""
        return math.exp(self._x())

    @property
    def slowdown_sigma(self) -> float:
        """Standard deviation of x."""
        return math.sqrt(max(0.0, self._state.variance))

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON; profiles are kept elsewhere and are set before `restore`."""
        by_slot = sorted(self._slots, key=lambda subnet_id: self._nets[subnet_id].slot)
        return as_document(
            SavedTiming(
                SCHEMA,
                nets={subnet_id: net.saved() for subnet_id, net in self._nets.items() if net.count or net.slot < SLOTS},
                slots=by_slot,
                used=list(self._slots),
                latest=self._latest,
                fresh=self._fresh,
                seen=self._seen,
                steps=self._steps,
                slowdown=self._state.saved(len(by_slot)),
                level=self._filter.saved(),
                residuals=self._residuals.saved(),
                delivery=self._delivery.saved(),
            )
        )

    def restore(self, saved: Mapping[str, object]) -> None:
        """Take over what another run had learned of this camera, in place of what is known; nothing if it does not fit.

        A net whose profile is another now keeps the level that its results have shown.
        """
        document = parsed(saved, SLOTS, CELLS)
        if document is None:
            return
        self._residuals.restore(document.residuals)
        self._filter.restore(document.level)
        self._delivery.restore(document.delivery)
        self._state.restore(document.slowdown)
        self._slots = list(document.used)
        self._latest, self._fresh = document.latest, document.fresh
        self._seen, self._steps = document.seen, document.steps
        for net in self._nets.values():
            net.slot = SLOTS
        for subnet_id, entry in document.nets.items():
            net = self._nets.setdefault(subnet_id, Net(None, None, Standing(0.0, self._prior_sigma**2)))
            net.restore(entry, document.slots.index(subnet_id) if subnet_id in document.slots else SLOTS)
        for subnet_id, net in self._nets.items():
            self._note_ratio(subnet_id, net)
            self._write(net)
        self._changed()

    def _levels(self, shown: Shown) -> Floats:
        return shown.base + shown.share * (self._filter.level - self._shown_level)

    def _bounds(self, shown: Shown, quantile: float) -> Floats:
        beyond, z = self._residuals.bound(quantile), z_score(quantile)
        return _exp(self._levels(shown) + np.sqrt(beyond * beyond + (z * z) * self._extra(shown)))

    def _x(self) -> float:
        net = self._running()
        if net is None or self._shared is None:
            return self._state.x
        return self._state.x + float(self._shared[0]) * (self._filter.level - self._shown_level)

    def _running(self) -> Net | None:
        """The net that the level is of."""
        net = self._nets.get(self._latest) if self._latest is not None else None
        return net if net is not None and net.slot < SLOTS else None

    def _take(self, subnet_id: str, service_ms: list[float]) -> None:
        low, high = TIMES_MS
        logs = [math.log(ms) for ms in service_ms if low <= ms <= high]
        if not logs:
            return
        net = self._nets.get(subnet_id)
        if net is None:
            net = self._nets[subnet_id] = Net(None, None, Standing(0.0, self._prior_sigma**2))
        if subnet_id != self._latest:
            self._leave()
            self._latest = subnet_id
            if net.known:
                self._enter(subnet_id, net)
        self._seen += len(logs)
        net.count += len(logs)
        net.seen = self._seen
        if net.slot < SLOTS:
            self._follow(subnet_id, net, logs)
        else:
            net.first += logs
            if net.count >= MIN_MEASURED:
                self._meet(subnet_id, net)

    def _leave(self) -> None:
        """Another net is about to run; what this one has shown of the slow-down stays."""
        net = self._running()
        if net is not None and self._latest is not None:
            if self._fresh and self._filter.block_count >= LEAST_BLOCK:
                self._compare(self._latest, net)
            elif not self._fresh:
                self._state.follow(net.slot, self._filter.level, self._level_variance())
            self._write(net)
        self._state.pass_gap()

    def _enter(self, subnet_id: str, net: Net) -> None:
        """A net with a level of its own runs now: expect of it what the others tell."""
        self._take_slot(subnet_id, net)
        self._state.age(net.slot, self._age_variance(net))
        level, variance = self._state.predicted(net.slot)
        self._filter.start(level, self._noise_variance() / variance)
        self._fresh = True
        self._changed()

    def _meet(self, subnet_id: str, net: Net) -> None:
        """A net has got its first results: its offset is what they are off by, as far as the slow-down is known."""
        level = median(net.first)
        if net.base is None:
            net.base = level
        variance = self._noise_variance() * (math.pi / 2) / len(net.first)
        net.standing = Standing(self._scale, self._prior_sigma**2 + self._scale_variance())
        net.first.clear()
        self._take_slot(subnet_id, net)
        if not self._state.learn(net.slot, level - net.base, variance):
            self._state.put(net.slot, Standing(level - net.base - self._state.x, self._prior_sigma**2))
            self._state.learn(net.slot, level - net.base, variance)
        self._note_ratio(subnet_id, net)
        level, variance = self._state.predicted(net.slot)
        self._filter.start(level, self._noise_variance() / variance)
        self._fresh = False
        self._changed()

    def _follow(self, subnet_id: str, net: Net, logs: list[float]) -> None:
        base = net.base or 0.0
        following, filtered = self._residuals, self._filter
        residuals, stepped = filtered.follow([value - base for value in logs], following.sigma, self._run_needed())
        following.observe(residuals)
        if stepped:
            self._steps += 1
            self._fresh = False
        elif filtered.block_count < BLOCK and (self._fresh or filtered.weight >= SETTLED):
            return
        elif self._fresh:
            self._compare(subnet_id, net)
        self._state.follow(net.slot, filtered.level, self._level_variance())
        filtered.begin_block()
        self._changed()

    def _compare(self, subnet_id: str, net: Net) -> None:
        """The first results of a stint, under the slow-down that the net before it has told, tell of this net."""
        filtered = self._filter
        mean = filtered.block_sum / filtered.block_count
        self._state.learn(net.slot, mean, self._noise_variance() / filtered.block_count)
        self._fresh = False
        self._note_ratio(subnet_id, net)

    def _take_slot(self, subnet_id: str, net: Net) -> None:
        """One of the places for nets that are told apart jointly; the net that has not run for longest gives its."""
        if net.slot < SLOTS:
            self._slots.remove(subnet_id)
        else:
            if len(self._slots) < SLOTS:
                net.slot = len(self._slots)
            else:
                oldest = self._nets[self._slots.pop(0)]
                oldest.standing = self._state.standing(oldest.slot)
                net.slot, oldest.slot = oldest.slot, SLOTS
                self._write(oldest)
            self._state.put(net.slot, net.standing)
        self._slots.append(subnet_id)
        self._write(net)

    def _note_ratio(self, subnet_id: str, net: Net) -> None:
        """Learn the camera's scale of predictions, by a normal prior around 1."""
        if net.predicted is None or net.base is None or not net.known:
            return
        offset = net.standing.offset if net.slot == SLOTS else self._state.standing(net.slot).offset
        ratio = net.base + offset - net.predicted
        self._ratio_sum += ratio - self._ratios.get(subnet_id, 0.0)
        self._ratios[subnet_id] = ratio
        self._scale = self._ratio_sum / (len(self._ratios) + (self._prior_sigma / SCALE_SIGMA) ** 2)
        self._table.scale = self._scale

    def _scale_variance(self) -> float:
        known = len(self._ratios) * SCALE_SIGMA**2
        return SCALE_SIGMA**2 * self._prior_sigma**2 / max(1e-12, known + self._prior_sigma**2)

    def _noise_variance(self) -> float:
        """Of a result around its true level: residuals have the error of the settled level beside."""
        return self._residuals.sigma**2 / (1.0 + 1.0 / SETTLED)

    def _level_variance(self) -> float:
        return self._noise_variance() / self._filter.weight

    def _age_variance(self, net: Net) -> float:
        others = self._seen - net.seen
        return AGE_SIGMA**2 * others / (others + AGE_RESULTS) if others > 0 else 0.0

    def _run_needed(self) -> int:
        """How many results far off make a step: so many that as many spikes in a row are far less likely than one."""
        step_share = max(LEAST_STEP_SHARE, (1.0 + self._steps) / (STEP_PRIOR_RESULTS + self._seen))
        spike_share = min(0.5, self._residuals.spike_share)
        return max(2, min(5, math.ceil(math.log(step_share / STEP_ODDS) / math.log(spike_share))))

    def _write(self, net: Net) -> None:
        if net.row >= 0:
            self._table.write(net.row, net)

    def _changed(self) -> None:
        """The slow-down or the nets are not what rows were shown by."""
        self._shown.clear()
        self._shown_seen = self._seen
        net = self._running()
        self._shared = None
        if net is not None:
            self._write(net)
            self._shown_level, self._shown_variance = self._state.predicted(net.slot)
            self._shared = self._state.shared_with(net.slot) / self._shown_variance

    def _show(self, rows: Rows) -> Shown:
        key = rows.tobytes()
        shown = self._shown.get(key)
        if shown is None:
            if len(self._shown) >= MOST_SHOWN:
                self._shown.clear()
            shown = self._shown[key] = self._table.show(rows, self._state, self._shared, self._shown_seen)
        return shown

    def _extra(self, shown: Shown) -> Floats:
        """Variance of each row's level beyond what residuals of a settled level have in them."""
        noise = self._noise_variance()
        moved = noise / self._filter.weight - self._shown_variance if self._shared is not None else 0.0
        extra = shown.variance + shown.share * shown.share * moved - noise / SETTLED
        return np.maximum(extra, 0.0)


def _exp(exponent: Floats) -> Floats:
    return np.asarray(np.exp(np.minimum(exponent, _MOST_EXPONENT)))
