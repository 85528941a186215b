"""What is known of a camera beyond a restart: loaded once it is connected, saved without ever being waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.line import Demand, View
from agent.domain.profile import DAY_NS, NetProfile, ProfileSource, StoredProfile
from agent.domain.result import LatencySample
from agent.domain.states import CameraState
from agent.domain.subnet import Catalogue
from agent.errors import BlobMissing, JournalError
from agent.supervisor.memory import CONFIRM_EVERY_S, LEARNED_EVERY_S, Memory
from agent.swap.transaction import Payload
from tests.support.fake_camera import INFO
from tests.support.fake_control import CATALOGUE
from tests.support.memory_journal import MemoryJournal

BIG, HUGE = "w1-big", "w1-huge"
ACTIVE, SWAPPING = CameraState.ACTIVE, CameraState.SWAPPING
DEMAND = Demand(EffectiveBudget("b", Budget(parts_per_minute=600.0), Priority.DEFAULT, ()), 10.0, 100.0)


@dataclass
class Source:
    """Two sub-nets; the digest of one is its id, the other has nothing that the camera accepts."""

    accepted: Sequence[str] = (BIG, HUGE)

    @property
    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def artifact_digest(self, subnet_id: str) -> tuple[str, int]:
        if subnet_id not in self.accepted:
            raise BlobMissing(f"{subnet_id}: no format that is accepted")
        return f"sha-{subnet_id}", 1

    async def load(self, subnet_id: str) -> Payload:
        raise AssertionError("nothing is uploaded here")


@dataclass
class Learner:
    """Notes what it is told, in order."""

    told: list[tuple[object, ...]] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=dict)

    def set_profile(self, profile: NetProfile, stale: bool = False) -> None:
        self.told.append(("profile", profile.subnet_id, stale))

    def note_swap(self, subnet_id: str, swap_s: float) -> None:
        self.told.append(("swap", subnet_id, swap_s))

    def restore(self, saved: Mapping[str, object]) -> None:
        self.told.append(("restore", dict(saved)))

    def saved(self) -> dict[str, object]:
        return dict(self.document)


@dataclass
class Rig:
    clock: VirtualClock
    journal: MemoryJournal
    learner: Learner
    memory: Memory

    def look(self, active: str | None = BIG, state: CameraState = ACTIVE, temperature_c: float | None = 45.0) -> None:
        now_s = self.clock.now_ns() / 1e9
        self.memory.tick(View(now_s, DEMAND, active, now_s), state, temperature_c)

    async def run(self, for_s: float, service_ms: float = 20.0, **looks: object) -> None:
        """Looks each second, with ten results before each."""
        for _ in range(round(for_s)):
            self.memory.results({BIG: [LatencySample(service_ms, service_ms, 0.0)] * 10})
            self.look(**looks)  # type: ignore[arg-type]
            await asyncio.sleep(1.0)


def a_profile(subnet_id: str = BIG, wall_ns: int = 0, **changes: object) -> NetProfile:
    profile = NetProfile.of(subnet_id, [20.0] * 30, INFO.firmware, wall_ns, swap_s=2.0, temperature_c=(40.0, 46.0))
    return replace(profile, **changes)  # type: ignore[arg-type]


def play(
    story: Callable[[Rig], Awaitable[None]], *profiles: StoredProfile, accepted: Sequence[str] = (BIG, HUGE)
) -> Rig:
    clock, journal, learner = VirtualClock(), MemoryJournal(), Learner()
    journal.known_profiles += profiles
    rig = Rig(clock, journal, learner, Memory("cam", journal, clock, Source(accepted), learner))

    async def main() -> None:
        await story(rig)

    run_virtual(clock, main())
    return rig


def stored(profile: NetProfile, serial: str = INFO.serial, sha256: str = "") -> StoredProfile:
    return StoredProfile(serial, sha256 or f"sha-{profile.subnet_id}", profile)


def test_profiles_come_before_what_was_learned_and_that_only_once() -> None:
    async def story(rig: Rig) -> None:
        now_ns = rig.clock.wall_ns()
        old = stored(a_profile(HUGE, now_ns - 91 * DAY_NS))
        rig.journal.known_profiles += [stored(a_profile(BIG, now_ns)), old, stored(a_profile(BIG), "another camera")]
        rig.journal.note_learned(INFO.serial, CATALOGUE.name, {"x": 1.0})
        await rig.memory.load(INFO)
        first = [("profile", BIG, False), ("profile", HUGE, True), ("restore", {"x": 1.0})]
        assert rig.learner.told == first
        await rig.memory.load(INFO)
        assert rig.learner.told == first, "a reconnection tells nothing new"
        await rig.memory.load(replace(INFO, firmware="another"))
        assert rig.learner.told == [*first, ("profile", BIG, True)]
        await rig.memory.load(INFO)
        assert list(rig.memory.stale) == [HUGE]
        assert (rig.memory.level_ms(BIG), rig.memory.swap_s(BIG)) == (20.0, 2.0)

    play(story)


def test_a_profile_of_other_bytes_or_of_a_net_that_is_not_accepted_is_not_taken() -> None:
    async def story(rig: Rig) -> None:
        await rig.memory.load(INFO)
        assert rig.learner.told == []
        assert rig.memory.level_ms(BIG) == 30.0  # the library's prediction
        assert rig.memory.level_ms("none of ours") is None

    play(story, stored(a_profile(BIG), sha256="other bytes"), stored(a_profile(HUGE)), accepted=(BIG,))


def test_a_journal_that_cannot_be_read_is_done_without_and_nothing_learned_is_overwritten() -> None:
    async def story(rig: Rig) -> None:
        async def broken(serial: str) -> Sequence[StoredProfile]:
            raise JournalError("disk gone")

        rig.journal.profiles = broken  # type: ignore[method-assign]
        await rig.memory.load(INFO)
        rig.learner.document = {"x": 2.0}
        await rig.run(100)
        rig.memory.away()
        assert rig.journal.documents == {}

    play(story)


def test_what_was_learned_is_noted_once_a_minute_after_a_swap_and_at_the_end_but_never_in_a_gap() -> None:
    async def story(rig: Rig) -> None:
        noted: list[float] = []
        note = rig.journal.note_learned

        def counted(serial: str, library: str, document: Mapping[str, object]) -> None:
            noted.append(rig.clock.now_ns() / 1e9)
            note(serial, library, document)

        rig.journal.note_learned = counted  # type: ignore[method-assign]
        await rig.memory.load(INFO)
        await rig.run(10)
        assert noted == []  # nothing was learned yet
        rig.learner.document = {"x": 1.0}
        await rig.run(2 * LEARNED_EVERY_S + 10)
        assert [round(one) for one in noted] == [60, 120]
        swap = SwapRecord("s", "cam", BIG, HUGE, "budget", "b", 0, SwapOutcome.VERIFIED, 2, HUGE, duration_s=2.25)
        rig.memory.swapped(swap)
        await rig.run(3, state=SWAPPING)
        assert len(noted) == 2
        await rig.run(1, active=HUGE)
        assert len(noted) == 3
        assert rig.memory.swap_s(HUGE) == 2.25
        assert rig.learner.told == [("swap", HUGE, 2.25)]
        rig.memory.away()
        assert len(noted) == 4
        assert rig.journal.documents == {(INFO.serial, CATALOGUE.name): {"x": 1.0}}

    play(story)


def test_production_confirms_a_profile_and_leaves_its_median() -> None:
    async def story(rig: Rig) -> None:
        rig.journal.known_profiles.append(stored(a_profile(BIG, rig.clock.wall_ns() - 95 * DAY_NS)))
        await rig.memory.load(INFO)
        assert list(rig.memory.stale) == [BIG]
        await rig.run(CONFIRM_EVERY_S + 2, service_ms=20.6, temperature_c=48.0)
        newest = rig.journal.known_profiles[-1]
        found = newest.profile
        assert (newest.sha256, found.source, found.median_ms) == (f"sha-{BIG}", ProfileSource.PRODUCTION, 20.0)
        assert (found.temperature_c, found.swap_s, found.count) == ((40.0, 48.0), 2.0, 1000)
        assert rig.memory.stale == {}
        assert [told[0] for told in rig.learner.told] == ["profile"]

    play(story)


def test_a_slow_camera_makes_no_profile_and_neither_does_production_where_there_was_none() -> None:
    async def story(rig: Rig) -> None:
        await rig.memory.load(INFO)
        await rig.run(CONFIRM_EVERY_S + 2, service_ms=22.0)
        assert all(one.profile.source is not ProfileSource.PRODUCTION for one in rig.journal.known_profiles)
        assert [round(row.measured_ms, 3) for row in rig.journal.slow] == [22.0]

    play(story, stored(a_profile(BIG)))
    play(story)


def test_the_history_of_the_line_has_a_hole_while_the_camera_is_away() -> None:
    async def story(rig: Rig) -> None:
        await rig.memory.load(INFO)
        await rig.run(10)
        await rig.run(5, active=None, state=CameraState.DISCONNECTED)
        await rig.run(5, active=None, state=SWAPPING)
        await rig.run(10)
        rig.memory.away()

    rows = list(play(story).journal.lines.values())
    began_ns = rows[0].from_wall_ns
    spans = [((row.from_wall_ns - began_ns) / 1e9, (row.until_wall_ns - began_ns) / 1e9) for row in rows]
    assert spans == [(0.0, 10.0), (15.0, 30.0)]
    assert {row.serial for row in rows} == {INFO.serial}
