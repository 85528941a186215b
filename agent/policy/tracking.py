"""Which net runs, what its results tell of it, and what they tell of the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from math import log
from statistics import median

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile, ProfileSource
from agent.policy.conformal import Residuals
from agent.policy.delivery import MIN_MEASURED
from agent.policy.learned import Marked, SavedTracking
from agent.policy.level import SETTLED, LevelFilter
from agent.policy.rows import AGE_RESULTS, AGE_SIGMA, Net, NetTable
from agent.policy.slowdown import SLOTS, Slowdown, Standing

Floats = NDArray[np.float64]

SCALE_SIGMA = 0.3  # how far a whole camera may be from its predictions (policy.md, Model: 5-18 % median is usual)
PROFILE_SIGMA = 0.005  # of the logarithm of a profile's median: 300 results at 2 % leave .15 %, days between more
STALE_SIGMA = 0.06  # of one by other firmware, at another temperature, or long ago
MET_SIGMA = 3.0  # of the offset of a net without a profile before its first results
OWN_LEAST = 0.05  # logarithm: a net that is slow by itself is so by more than jitter
OWN_TOLERANCE = 0.05
MOVED = 0.02  # of the running level: what follows from it for other nets changes as much as it matters
AGED = 1000  # results: the same for what others have not shown meanwhile
BLOCK = 40  # results that tell a level to .3 % at 2 % jitter
LEAST_BLOCK = 8
STEP_PRIOR_RESULTS = 3000.0  # one step of the slow-down in so many results, before any was seen
LEAST_STEP_SHARE = 1e-4
STEP_ODDS = 20.0  # of a step against spikes in a row
TIMES_MS = (1e-6, 1e9)  # beyond, a measurement is none


class Tracking:
    """Everything that results teach about service times; mutable, owned by its latency model.

    A net that takes over is `fresh`: the slow-down that others have told says what to expect of it, and what its first
    results are off by is learned about it. From then on its level is the slow-down. `version` grows whenever what
    `table` and `state` say of rows is no longer what it was but for the level of the running net, of which each place
    of `state` moves by `shared` (None: no net runs). `at` is as of then, and so are `at_level` and `at_variance`, what
    `state` says of the running net.
    """

    def __init__(self, prior_sigma: float) -> None:
        self.nets: dict[str, Net] = {}
        self.table = NetTable(0)
        self.state = Slowdown()
        self.filter = LevelFilter()
        self.residuals = Residuals()
        self.seen = 0
        self.fresh = False
        self.version = 0
        self.shared: Floats | None = None
        self.at_level = self.at_variance = 0.0
        self.at = Marked(0, 0.0, 0.0, 2)
        self._prior_sigma = prior_sigma
        self._slots: list[str] = []  # ids, the one that ran last at the end
        self._latest: str | None = None
        self._entered = 0.0  # level that was expected of the running net when it took over
        self._steps = 0
        self._ratios: dict[str, float] = {}  # measured against predicted, logarithms
        self._ratio_sum = 0.0

    def use(self, predicted_ms: Mapping[str, float]) -> None:
        """The nets of another catalogue, in its order; retired ones are kept while they have a slot."""
        for net in self.nets.values():
            net.row = -1
        prior = Standing(0.0, self._prior_sigma**2)
        for row, (subnet_id, ms) in enumerate(predicted_ms.items()):
            predicted = log(ms) if TIMES_MS[0] <= ms <= TIMES_MS[1] else None
            net = self.nets.setdefault(subnet_id, Net(predicted, predicted, prior))
            net.predicted, net.row = predicted, row
            if not net.known and net.base != predicted:
                net.base = predicted
                net.first.clear()
        for subnet_id in [one for one, net in self.nets.items() if net.row < 0 and net.slot == SLOTS]:
            self._forget(subnet_id)
        scale, self.table = self.table.scale, NetTable(len(predicted_ms))
        self.table.scale = scale
        for net in self.nets.values():
            self._write(net)
        self.changed()

    def set_profile(self, profile: NetProfile, stale: bool) -> None:
        """Start from a profile. Where results have told of the net, only a newer measurement by itself replaces that;
        a stale one never does, and counts less."""
        net = self.nets.setdefault(profile.subnet_id, Net(None, None, Standing(0.0, self._prior_sigma**2)))
        newer = net.profile is None or profile.wall_ns > net.profile.wall_ns
        measured = profile.source is not ProfileSource.PRODUCTION and not stale
        if net.count < MIN_MEASURED or (newer and measured):
            self._rebase(net, profile, STALE_SIGMA if stale else PROFILE_SIGMA)
        net.profile = profile
        self.residuals.seed(profile)
        self._note_ratio(profile.subnet_id, net)
        self._write(net)
        self.changed()

    def running(self) -> Net | None:
        """The net that the level is of."""
        net = self.nets.get(self._latest) if self._latest is not None else None
        return net if net is not None and net.slot < SLOTS else None

    def x(self) -> float:
        """Logarithm of the slow-down now."""
        moved = 0.0 if self.shared is None else float(self.shared[0]) * (self.filter.level - self.at_level)
        return self.state.x + moved

    def saved(self) -> SavedTracking:
        by_slot = sorted(self._slots, key=lambda subnet_id: self.nets[subnet_id].slot)
        nets = {subnet_id: net.saved() for subnet_id, net in self.nets.items() if net.count or net.slot < SLOTS}
        return SavedTracking(
            nets=nets,
            slots=by_slot,
            used=list(self._slots),
            latest=self._latest if self._latest in nets else None,
            fresh=self.fresh,
            entered=self._entered,
            seen=self.seen,
            steps=self._steps,
            slowdown=self.state.saved(len(by_slot)),
            level=self.filter.saved(),
            residuals=self.residuals.saved(),
            at=self.at,
        )

    def restore(self, saved: SavedTracking) -> None:
        """What was saved, in place of what is known; of retired nets only those that have a slot."""
        self.residuals.restore(saved.residuals)
        self.filter.restore(saved.level)
        self.state.restore(saved.slowdown)
        self._slots = list(saved.used)
        self._latest, self.fresh, self._entered = saved.latest, saved.fresh, saved.entered
        self.seen, self._steps = saved.seen, saved.steps
        slots = {subnet_id: slot for slot, subnet_id in enumerate(saved.slots)}
        for subnet_id in slots:
            self.nets.setdefault(subnet_id, Net(None, None, Standing(0.0, self._prior_sigma**2)))
        for subnet_id, net in list(self.nets.items()):
            entry = saved.nets.get(subnet_id)
            if entry is not None:
                net.restore(entry, slots.get(subnet_id, SLOTS))
                if net.profile is not None and net.profile.wall_ns > entry.profile_ns:
                    self._rebase(net, net.profile, PROFILE_SIGMA)
            elif net.row >= 0:
                net.clear()
            else:
                self._forget(subnet_id)
                continue
            self._note_ratio(subnet_id, net)
            self._write(net)
        self._mark(saved.at)

    def observe(self, subnet_id: str, service_ms: list[float]) -> None:
        """Service times of one net, oldest first; what is no time is left out."""
        net = self.nets.get(subnet_id)
        base = 0.0 if net is None or net.base is None else net.base
        low, high = TIMES_MS
        logs = [log(ms) - base for ms in service_ms if low <= ms <= high]
        if not logs:
            return
        if net is None:
            net = self.nets[subnet_id] = Net(None, None, Standing(0.0, self._prior_sigma**2))
        if subnet_id != self._latest:
            self._leave()
            self._latest = subnet_id
            if net.known:
                self._enter(subnet_id, net)
            self.changed()
        self.seen += len(logs)
        net.count += len(logs)
        net.seen = self.seen
        if net.slot < SLOTS:
            self._follow(subnet_id, net, [value - net.own for value in logs] if net.own else logs)
        else:
            net.first += logs
            if net.count >= MIN_MEASURED:
                self._meet(subnet_id, net)

    def _leave(self) -> None:
        """Another net is about to run; what this one has shown of the slow-down stays."""
        net = self.running()
        if net is not None and self._latest is not None:
            if self.fresh and self.filter.block_count >= LEAST_BLOCK:
                self._compare(self._latest, net)
            elif not self.fresh:
                self.state.follow(net.slot, self.filter.level, self._level_variance())
            if not self.fresh:
                net.left = self.filter.level + net.own
            self._write(net)
        self.state.pass_gap()

    def _enter(self, subnet_id: str, net: Net) -> None:
        """A net with a level of its own runs now: expect of it what the others tell."""
        self._take_slot(subnet_id, net)
        net.own = net.own_after(self.seen - net.seen)
        self.state.age(net.slot, self._age_variance(net))
        net.seen = self.seen
        level, variance = self.state.predicted(net.slot)
        self.filter.start(level, self.noise_variance() / variance)
        self._entered = level
        self.fresh = True

    def _meet(self, subnet_id: str, net: Net) -> None:
        """A net has got its first results: its offset is what they are off by, as far as the slow-down is known."""
        level = median(net.first)
        if net.base is None:
            net.base, level = level, 0.0
        variance = self.noise_variance() * (math.pi / 2) / len(net.first)
        net.standing = Standing(level - self.state.x, MET_SIGMA**2)  # so wide that it tells nothing of the slow-down
        net.first.clear()
        self._take_slot(subnet_id, net)
        self.state.learn(net.slot, level, variance)
        self._note_ratio(subnet_id, net)
        level, variance = self.state.predicted(net.slot)
        self.filter.start(level, self.noise_variance() / variance)
        self.fresh = False
        self.changed()

    def _follow(self, subnet_id: str, net: Net, logs: list[float]) -> None:
        following, filtered = self.residuals, self.filter
        seen = filtered.follow(logs, following.sigma, self.at.needed)
        following.observe(seen.residuals, seen.lost)
        if seen.stepped:
            self._steps += 1
            self._explain(net)
            self.fresh = False
        elif self.fresh:
            if filtered.block_count < BLOCK:
                return
            self._compare(subnet_id, net)
        elif self._as_marked():
            return
        self.state.follow(net.slot, filtered.level, self._level_variance())
        self.changed()

    def _rebase(self, net: Net, profile: NetProfile, sigma: float) -> None:
        """Count a net's level from its profile; what is known of its sensitivity stays."""
        base = log(profile.median_ms)
        if net is self.running():
            self.filter.shift((net.base or 0.0) + net.own - base)
        noise = 1.25 * profile.sigma / math.sqrt(profile.count)  # standard error of a median
        net.base, net.own, net.left = base, 0.0, None
        net.standing = replace(net.standing, offset=0.0, offset_variance=sigma**2 + noise**2, covariance=0.0)
        net.first.clear()
        if net.slot < SLOTS:
            self.state.renew(net.slot, net.standing.offset_variance)

    def _as_marked(self) -> bool:
        """Whether the level of the running net is all that has changed."""
        settled = self.at.level_variance <= self.at.noise_variance / SETTLED
        return settled and abs(self.filter.level - self.at_level) < MOVED and self.seen - self.at.seen < AGED

    def _explain(self, net: Net) -> None:
        """A step is the camera's, unless the net is as slow as it was left while another was not meanwhile: then it is
        so by itself. Else two nets would blame the camera in turns, and be swapped for each other for ever."""
        filtered = self.filter
        level = filtered.level + net.own
        if self.fresh and net.left is not None and filtered.level - self._entered > OWN_LEAST:
            if level > OWN_LEAST and abs(level - net.left) < OWN_TOLERANCE:
                net.own += filtered.level - self._entered
        elif net.own and abs(level) < abs(filtered.level):
            net.own = 0.0
        filtered.shift(level - net.own - filtered.level)

    def _compare(self, subnet_id: str, net: Net) -> None:
        """The first results of a stint, under the slow-down that the net before it has told, tell of this net."""
        filtered = self.filter
        mean = filtered.block_sum / filtered.block_count
        self.state.learn(net.slot, mean, self.noise_variance() / filtered.block_count)
        self.fresh = False
        self._note_ratio(subnet_id, net)

    def _take_slot(self, subnet_id: str, net: Net) -> None:
        """One of the places for nets that are told apart jointly; the net that has not run for longest gives its."""
        if net.slot < SLOTS:
            self._slots.remove(subnet_id)
        else:
            if len(self._slots) < SLOTS:
                net.slot = len(self._slots)
            else:
                oldest_id = self._slots.pop(0)
                oldest = self.nets[oldest_id]
                oldest.standing = self.state.standing(oldest.slot)
                net.slot, oldest.slot = oldest.slot, SLOTS
                if oldest.row >= 0:
                    self._write(oldest)
                else:
                    self._forget(oldest_id)
            self.state.put(net.slot, net.standing)
        self._slots.append(subnet_id)
        self._write(net)

    def _note_ratio(self, subnet_id: str, net: Net) -> None:
        """Learn the camera's scale of predictions, by a normal prior around 1."""
        if net.predicted is None or net.base is None or not net.known:
            return
        offset = net.standing.offset if net.slot == SLOTS else self.state.standing(net.slot).offset
        ratio = net.base + offset - net.predicted
        self._ratio_sum += ratio - self._ratios.get(subnet_id, 0.0)
        self._ratios[subnet_id] = ratio
        self.table.scale = self._ratio_sum / (len(self._ratios) + (self._prior_sigma / SCALE_SIGMA) ** 2)

    def noise_variance(self) -> float:
        """Of a result around its true level: residuals have the error of the settled level beside."""
        return self.residuals.sigma**2 / (1.0 + 1.0 / SETTLED)

    def _level_variance(self) -> float:
        return self.noise_variance() / self.filter.weight

    def _age_variance(self, net: Net) -> float:
        others = self.seen - net.seen
        return AGE_SIGMA**2 * others / (others + AGE_RESULTS) if others > 0 else 0.0

    def _run_needed(self) -> int:
        """How many results far off make a step: so many that as many spikes in a row are far less likely than one."""
        step_share = max(LEAST_STEP_SHARE, (1.0 + self._steps) / (STEP_PRIOR_RESULTS + self.seen))
        spike_share = min(0.5, self.residuals.spike_share)
        return max(2, min(5, math.ceil(math.log(step_share / STEP_ODDS) / math.log(spike_share))))

    def _write(self, net: Net) -> None:
        if net.row >= 0:
            self.table.write(net.row, net)

    def changed(self) -> None:
        """The slow-down or the nets are not what rows were shown by."""
        noise = self.noise_variance()
        self._mark(Marked(self.seen, noise, noise / self.filter.weight, self._run_needed()))

    def _mark(self, marked: Marked) -> None:
        self.version += 1
        self.at = marked
        net = self.running()
        self.shared = None
        if net is not None:
            self._write(net)
            self.at_level, self.at_variance = self.state.predicted(net.slot)
            self.shared = self.state.shared_with(net.slot) / self.at_variance

    def _forget(self, subnet_id: str) -> None:
        del self.nets[subnet_id]
        self._ratio_sum -= self._ratios.pop(subnet_id, 0.0)
