"""What is known of one camera beyond a restart: profiles, what the policy learned, and the line's history.

    journal ─► load (after each connect) ─► policy
    results, swaps, demands ─► tick ─► journal (queued: no write is waited for, none begins in a gap)

Production confirms a profile, it makes none: whether a camera is slow now or its network always takes that long cannot
be told from results alone. So a production generation keeps the median, and renews what surrounds it.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from agent.clock import Clock
from agent.domain.device import CameraInfo
from agent.domain.journal import Journal, SwapRecord
from agent.domain.line import View
from agent.domain.profile import NetProfile, ProfileAge, ProfileSource, Range
from agent.domain.result import LatencySample
from agent.domain.states import CameraState
from agent.errors import JournalError, LibraryError
from agent.logs import event, logger
from agent.supervisor.recorder import LineRecorder
from agent.supervisor.source import SubnetSource

_log = logger("supervisor")
LEARNED_EVERY_S = 60.0
CONFIRM_EVERY_S = 600.0
CONFIRM_RESULTS = 300  # as many as a commissioning run takes (design/policy.md, Model)
KEPT_RESULTS = 1000
CONFIRMED = 0.05  # of the median; more than that is a slow-down, which is the policy's to follow
STALE_EVERY_S = 60.0  # how often ages and temperatures are looked at
_WATCHED = (CameraState.ACTIVE, CameraState.SWAPPING)  # otherwise parts are not inspected for other reasons


class Learner(Protocol):
    """What has to be told what is remembered, and asked what to remember."""

    def set_profile(self, profile: NetProfile, stale: bool = False) -> None: ...

    def note_swap(self, subnet_id: str, swap_s: float) -> None: ...

    def saved(self) -> dict[str, object]: ...

    def restore(self, saved: Mapping[str, object]) -> None: ...


class Memory:
    """See the module docstring. Owner of the profiles in force; event-loop side only."""

    def __init__(
        self,
        camera: str,
        journal: Journal,
        clock: Clock,
        source: SubnetSource | None,
        learner: Learner | None,
        age: ProfileAge | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._source = source
        self._learner = learner
        self._age = age or ProfileAge()
        self._line = LineRecorder(camera, journal, clock)
        self._info: CameraInfo | None = None
        self._restored = False
        self._unread = False
        self._profiles: dict[str, NetProfile] = {}
        self._told: dict[str, tuple[NetProfile, bool]] = {}  # to the learner, and whether as stale
        self._swap_s: dict[str, float] = {}
        self._stale: dict[str, str] = {}
        self._temperature_c: float | None = None
        self._stale_at_s = -math.inf
        self._saved_at_s = -math.inf
        self._swapped = False
        self._active: str | None = None
        self._recent = _Recent(0.0)

    @property
    def info(self) -> CameraInfo | None:
        """The camera that was connected last."""
        return self._info

    @property
    def stale(self) -> Mapping[str, str]:
        """Sub-nets of the library whose profile no longer holds, with the reason."""
        return self._stale

    def profile_of(self, subnet_id: str) -> NetProfile | None:
        """The newest profile of what would be uploaded for that sub-net, stale or not."""
        return self._profiles.get(subnet_id)

    def swap_s(self, subnet_id: str) -> float | None:
        """How long the last swap to that sub-net took; of its profile where there was none in this run."""
        profile = self._profiles.get(subnet_id)
        return self._swap_s.get(subnet_id, profile.swap_s if profile is not None else None)

    def level_ms(self, subnet_id: str) -> float | None:
        """Median service time at a slow-down of 1: profiled, else predicted; None for a net of another library."""
        profile = self._profiles.get(subnet_id)
        if profile is not None:
            return profile.median_ms
        subnet = self._source.catalogue.get(subnet_id) if self._source is not None else None
        return subnet.predicted_ms if subnet is not None else None

    def use(self, source: SubnetSource | None, learner: Learner | None) -> None:
        """Another library; what is known of its sub-nets is read at the next `refresh`."""
        self._source, self._unread = source, True
        if learner is not self._learner:
            self._learner, self._restored = learner, False
        self._profiles, self._told, self._stale = {}, {}, {}

    async def refresh(self) -> None:
        """Read what is known of another library's sub-nets; harmless where there is none."""
        if self._unread and self._info is not None:
            await self.load(self._info)

    async def load(self, info: CameraInfo) -> None:
        """Take over what the journal holds of the camera that has just been connected, if it can be read."""
        self._info, self._unread = info, False
        self._line.serial = info.serial
        if self._source is None or self._learner is None:
            return
        try:
            known = {stored.sha256: stored.profile for stored in await self._journal.profiles(info.serial)}
            document = await self._journal.learned(info.serial, self._source.catalogue.name)
        except JournalError as error:
            event(_log, logging.ERROR, "journal_unavailable", serial=info.serial, error=error)
            return
        self._profiles = {
            subnet_id: replace(known[sha256], subnet_id=subnet_id)
            for subnet_id, sha256 in self._digests().items()
            if sha256 in known
        }
        self._look_for_stale()
        for subnet_id, profile in self._profiles.items():
            told = (profile, subnet_id in self._stale)
            if self._told.get(subnet_id) != told:
                self._told[subnet_id] = told
                self._learner.set_profile(profile, stale=told[1])
        if document is not None and not self._restored:
            self._learner.restore(document)
        self._restored = True
        event(_log, logging.INFO, "memory_loaded", serial=info.serial, profiles=len(self._profiles),
              stale=len(self._stale), learned=document is not None)  # fmt: skip

    async def keep(self, profile: NetProfile) -> None:
        """A profile that was measured on purpose is durable when this returns, and in force. Raises JournalError."""
        sha256 = self._digests().get(profile.subnet_id)
        if self._info is None or sha256 is None:
            return
        await self._journal.put_profile(self._info.serial, sha256, profile)
        self._profiles[profile.subnet_id] = profile
        self._stale.pop(profile.subnet_id, None)
        if self._learner is not None:
            self._told[profile.subnet_id] = (profile, False)
            self._learner.set_profile(profile)

    def results(self, samples_of: Mapping[str, Sequence[LatencySample]], in_production: bool = True) -> None:
        """What the camera measured since the last call."""
        for subnet_id, samples in samples_of.items():
            times_ms = [one.service_ms for one in samples if one.service_ms is not None and one.service_ms > 0]
            level_ms = self.level_ms(subnet_id)
            if not in_production or subnet_id != self._active or level_ms is None or not times_ms:
                continue
            self._line.measured(subnet_id, times_ms, level_ms)
            self._recent.add(times_ms, self._temperature_c)

    def swapped(self, record: SwapRecord) -> None:
        """A swap has ended with its target on the camera; `duration_s` is from the permit to the running stream."""
        self._swapped = True
        if record.duration_s is not None and record.active_subnet == record.to_subnet:
            self._swap_s[record.to_subnet] = record.duration_s
            if self._learner is not None:
                self._learner.note_swap(record.to_subnet, record.duration_s)

    def tick(self, seen: View, state: CameraState, temperature_c: float | None) -> None:
        """Time has passed."""
        self._temperature_c = temperature_c
        now_s = self._clock.now_ns() / 1e9
        if seen.active_id != self._active:
            self._active, self._recent = seen.active_id, _Recent(now_s)
        if now_s - self._stale_at_s >= STALE_EVERY_S:
            self._look_for_stale()
        if state not in _WATCHED:
            self._line.away()
            return
        self._line.asked(seen.demand, seen.announced)
        if state is not CameraState.ACTIVE:  # a gap may be open
            return
        self._confirm(now_s)
        if self._swapped or now_s - self._saved_at_s >= LEARNED_EVERY_S:
            self._save()

    def away(self) -> None:
        """The camera is gone, or the agent ends: what is known is written down."""
        self._line.away()
        self._save()

    def _save(self) -> None:
        if self._info is None or self._source is None or self._learner is None or not self._restored:
            return
        self._swapped, self._saved_at_s = False, self._clock.now_ns() / 1e9
        document = self._learner.saved()
        if document:
            self._journal.note_learned(self._info.serial, self._source.catalogue.name, document)

    def _confirm(self, now_s: float) -> None:
        """A generation of the active net's profile from production, where its median is still the profile's."""
        recent, profile = self._recent, self._profiles.get(self._active or "")
        if now_s - recent.since_s < CONFIRM_EVERY_S or self._info is None or profile is None:
            return
        times_ms, temperature_c, self._recent = list(recent.service_ms), recent.temperature_c, _Recent(now_s)
        sha256 = self._digests().get(profile.subnet_id)
        if len(times_ms) < CONFIRM_RESULTS or sha256 is None:
            return
        later = NetProfile.of(
            profile.subnet_id,
            times_ms,
            self._info.firmware,
            self._clock.wall_ns(),
            swap_s=self._swap_s.get(profile.subnet_id),
            temperature_c=temperature_c,
            source=ProfileSource.PRODUCTION,
        )
        if abs(later.median_ms / profile.median_ms - 1.0) <= CONFIRMED:
            renewed = replace(profile.renewed(later), median_ms=profile.median_ms)
            # The policy saw those results itself; to it a profile is a new measurement, which this one is not.
            self._journal.note_profile(self._info.serial, sha256, renewed)
            self._profiles[profile.subnet_id] = renewed
            self._stale.pop(profile.subnet_id, None)

    def _look_for_stale(self) -> None:
        self._stale_at_s = self._clock.now_ns() / 1e9
        firmware = self._info.firmware if self._info is not None else ""
        wall_ns = self._clock.wall_ns()
        judged = (
            (subnet_id, self._age.stale_why(profile, firmware, self._temperature_c, wall_ns))
            for subnet_id, profile in self._profiles.items()
        )
        self._stale = {subnet_id: why for subnet_id, why in judged if why}

    def _digests(self) -> dict[str, str]:
        """sha256 of what would be uploaded for each sub-net of the library that this camera takes."""
        found = {}
        for subnet in self._source.catalogue.subnets if self._source is not None else ():
            try:
                found[subnet.id] = self._source.artifact_digest(subnet.id)[0] if self._source is not None else ""
            except LibraryError:
                continue
        return found


class _Recent:
    """Service times of the active net since `since_s`, and the camera's temperatures meanwhile."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.service_ms: deque[float] = deque(maxlen=KEPT_RESULTS)
        self.temperature_c: Range | None = None

    def add(self, service_ms: Sequence[float], temperature_c: float | None) -> None:
        self.service_ms.extend(service_ms)
        if temperature_c is not None:
            low, high = self.temperature_c or (temperature_c, temperature_c)
            self.temperature_c = (min(low, temperature_c), max(high, temperature_c))
