"""Clients that hold a lease and vanish, with everything that can happen to a host meanwhile, in virtual time.

A story is made from a seed. What it proves is judged here too: the fail-safe budget is in force and written down within
`WITHIN_S` of the end of the lease, or of the moment at which the agent could first know of it, and never before.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import Any

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, Claim
from agent.domain.orders import Mode, Orders
from agent.errors import BadInput
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.telemetry.ids import SeededIds
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource
from tests.support.memory_journal import MemoryJournal

WITHIN_S = 0.25
LIMIT_S = 3600.0
LEASE_EXPIRED = "lease_expired"
_NS = 1_000_000_000
SETTINGS = SupervisorSettings(
    default_budget=Budget(max_latency_ms=400.0),
    fail_safe_budget=Budget(max_latency_ms=60.0),
    accepted_formats=("openvino-ir-10",),
)


class HostClock(VirtualClock):
    """A host that sleeps and boots: CLOCK_BOOTTIME runs ahead of the monotonic clock, or begins anew."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_ns = 0

    def boottime_ns(self) -> int:
        return self.now_ns() + self._ahead_ns

    def suspend(self, seconds: float) -> None:
        self._ahead_ns += round(seconds * _NS)
        self.step_wall(seconds)

    def reboot(self) -> None:
        """A few seconds after a boot."""
        self._ahead_ns = 5 * _NS - self.now_ns()


@dataclass
class SlowJournal(MemoryJournal):
    """Each awaited write of a claim or of orders takes `write_s`, as a disk does."""

    write_s: float = 0.0

    async def put_claim(self, claim: Claim, *also: Any) -> None:
        await asyncio.sleep(self.write_s)
        await super().put_claim(claim, *also)

    async def drop_claims(self, *args: Any) -> None:
        await asyncio.sleep(self.write_s)
        await super().drop_claims(*args)

    async def put_orders(self, camera: str, orders: Orders) -> None:
        await asyncio.sleep(self.write_s)
        await super().put_orders(camera, orders)


@dataclass(frozen=True, slots=True)
class Event:
    """At `at_s` of the story: suspend, wall, restart or reboot; `seconds` of it (restart: down for so long)."""

    at_s: float
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Story:
    """`vanish`: the client's last renewal is sent before `until_s`; of those sent, `lost` never arrive and of `unheard`
    the answer does not. `freeze`: it stands still from `frozen_s[0]` to `frozen_s[1]`."""

    seed: int
    ttl_s: float
    every_s: float
    until_s: float
    lost: float
    unheard: float
    frozen_s: tuple[float, float]
    write_s: float
    events: tuple[Event, ...]

    @classmethod
    def of(cls, seed: int) -> Story:
        drawn = random.Random(seed)
        ttl_s = drawn.choices((0.5, 0.8, 2.0, 5.0, 30.0), (5, 5, 5, 3, 0.3))[0]
        until_s = ttl_s * drawn.uniform(0.0, 6.0)
        kinds = {
            "suspend": lambda: drawn.choice((0.05, 0.4, 1.0)) * ttl_s * drawn.uniform(0.5, 3.0),
            "wall": lambda: drawn.choice((-1, 1)) * drawn.choice((0.5, 60.0, 86_400.0, 4e6)),
            "restart": lambda: drawn.choice((0.0, 0.1, ttl_s, 3 * ttl_s)),
            "reboot": lambda: drawn.uniform(0.5, 30.0),
        }
        wanted = drawn.choices(("suspend", "wall", "restart", "reboot"), (3, 4, 2, 0.4), k=drawn.randint(0, 4))
        events = [Event(drawn.uniform(0.0, until_s + 1.2 * ttl_s), kind, kinds[kind]()) for kind in wanted]
        frozen_s = drawn.uniform(0.0, until_s)
        return cls(
            seed=seed,
            ttl_s=ttl_s,
            every_s=ttl_s * drawn.uniform(0.15, 0.6),
            until_s=until_s,
            lost=drawn.choice((0.0, 0.0, 0.3, 0.7)),
            unheard=drawn.choice((0.0, 0.0, 0.3)),
            frozen_s=(frozen_s, frozen_s + drawn.choice((0.0, 0.5, 1.5)) * ttl_s),
            write_s=drawn.choice((0.0, 0.002, 0.02)),
            events=tuple(sorted(events, key=lambda one: one.at_s)),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """How a story ended; times in s. `early_s`: so long before its end the lease was taken for expired, or 0.

    The fail-safe was in force `late_s` and written down `written_s` after the agent could first know.
    """

    early_s: float
    late_s: float
    written_s: float


@dataclass
class _Lease:
    """What both sides know of it, CLOCK_BOOTTIME ns."""

    heard_ns: int | None = None  # when the last renewal that was answered had been sent
    taken_ns: int | None = None  # when the last one that arrived had been carried out


@dataclass
class _Stage:
    """One story being played. Owner of everything in it."""

    story: Story
    clock: HostClock
    journal: SlowJournal = field(init=False)
    camera: FakeCamera = field(default_factory=FakeCamera)
    lease: _Lease = field(default_factory=_Lease)
    supervisor: Supervisor | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)  # of the supervisor, and who watches it
    boot: int = 1
    aware_ns: int = 0  # since when the agent has been up, or the host awake; up to the fail-safe
    up_ns: int = 0  # since when the agent has been up
    rebooted_ns: int | None = None
    safe_ns: int | None = None
    safe: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.journal = SlowJournal(write_s=self.story.write_s)

    def know_now(self) -> None:
        """Not before this moment could the agent know that a lease has ended."""
        if self.safe_ns is None:
            self.aware_ns = self.clock.boottime_ns()


def play(seed: int) -> Told:
    """The story of that seed, to its end."""
    clock = HostClock()
    return run_virtual(clock, _play(_Stage(Story.of(seed), clock)))


async def _play(stage: _Stage) -> Told:
    await _start(stage)
    client = asyncio.create_task(_client(stage))
    events = asyncio.create_task(_events(stage))
    try:
        await asyncio.wait_for(stage.safe.wait(), LIMIT_S)
        written_ns = await _written(stage)
        return _judged(stage, written_ns)
    finally:
        client.cancel()
        await asyncio.wait({client, events})  # a restart that has begun is brought to its end
        await _stop(stage)
        for task in (client, events):
            if not task.cancelled():
                task.result()


def _judged(stage: _Stage, written_ns: int) -> Told:
    lease, ttl_ns, safe_ns = stage.lease, round(stage.story.ttl_s * _NS), stage.safe_ns
    assert lease.heard_ns is not None or lease.taken_ns is not None, "fail-safe without any lease"
    assert safe_ns is not None
    if stage.rebooted_ns is not None:  # another boot id means expired, whatever the clock says
        return Told(0.0, (safe_ns - stage.aware_ns) / _NS, (written_ns - max(stage.aware_ns, stage.up_ns)) / _NS)
    heard_ns = lease.heard_ns if lease.heard_ns is not None else 0
    taken_ns = lease.taken_ns if lease.taken_ns is not None else heard_ns
    from_ns = max(taken_ns + ttl_ns, stage.aware_ns)
    early_s = max(0.0, (heard_ns + ttl_ns - safe_ns) / _NS) if lease.heard_ns is not None else 0.0
    return Told(early_s, (safe_ns - from_ns) / _NS, (written_ns - max(from_ns, stage.up_ns)) / _NS)


async def _client(stage: _Stage) -> None:
    """Claims, renews, loses some of it, and is gone."""
    story, lease, drawn = stage.story, stage.lease, random.Random(~stage.story.seed)
    await asyncio.sleep(drawn.uniform(0.0, 0.3))
    began_s = stage.clock.now_ns() / _NS
    first = True
    while True:
        at_s = stage.clock.now_ns() / _NS - began_s
        if story.frozen_s[0] <= at_s < story.frozen_s[1]:
            await asyncio.sleep(story.frozen_s[1] - at_s)
        lost = not first and drawn.random() < story.lost
        supervisor = stage.supervisor
        if supervisor is not None and not lost:
            heard = first or drawn.random() >= story.unheard
            sent_ns, boot = stage.clock.boottime_ns(), stage.boot
            with contextlib.suppress(BadInput):  # there is no lease any more
                async with supervisor.writing(""):
                    if first:
                        await supervisor.set_budget("plc", Budget(max_latency_ms=200.0), story.ttl_s, True)
                    else:
                        await supervisor.renew_budget("plc")
                if boot == stage.boot:
                    lease.taken_ns = stage.clock.boottime_ns()
                    lease.heard_ns = sent_ns if heard else lease.heard_ns
            first = False
        await asyncio.sleep(story.every_s)
        if not first and stage.clock.now_ns() / _NS - began_s >= story.until_s:
            return


async def _events(stage: _Stage) -> None:
    for event in stage.story.events:
        await asyncio.sleep(max(0.0, event.at_s - stage.clock.now_ns() / _NS))
        if stage.safe_ns is not None:
            return
        if event.kind == "suspend":
            stage.clock.suspend(event.seconds)
            stage.know_now()
        elif event.kind == "wall":
            stage.clock.step_wall(event.seconds)
        else:
            await _stop(stage)
            await asyncio.sleep(event.seconds)
            if event.kind == "reboot":
                stage.clock.reboot()
                stage.boot += 1
                if stage.lease.taken_ns is not None and stage.safe_ns is None:
                    stage.rebooted_ns = stage.clock.boottime_ns()
            await _start(stage)


async def _start(stage: _Stage) -> None:
    ids = SeededIds(stage.story.seed * 100 + stage.clock.now_ns() % 97)
    parts = Parts(stage.camera, stage.journal, stage.clock, SETTINGS, LadderSource(), ids.uuid, f"boot-{stage.boot}")
    stage.know_now()
    stage.up_ns = stage.clock.boottime_ns()
    supervisor = Supervisor(parts)
    await supervisor.load()
    stage.tasks = [asyncio.create_task(supervisor.run()), asyncio.create_task(_watch(stage, supervisor))]
    stage.supervisor = supervisor


async def _stop(stage: _Stage) -> None:
    supervisor, stage.supervisor = stage.supervisor, None
    if supervisor is None:
        return
    running, watching = stage.tasks
    supervisor.stop()
    await running
    watching.cancel()
    await asyncio.wait({watching})


async def _watch(stage: _Stage, supervisor: Supervisor) -> None:
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot is not None and snapshot.budget.fail_safe and stage.safe_ns is None:
                stage.safe_ns = stage.clock.boottime_ns()
                stage.safe.set()
    finally:
        feed.close()


async def _written(stage: _Stage) -> int:
    """When the journal has the alarm, and the lease no more."""
    while True:
        alarms = await stage.journal.alarms(active_only=True)
        claims = await stage.journal.claims(stage.camera.name)
        if any(one.key == LEASE_EXPIRED for one in alarms) and not claims:
            return stage.clock.boottime_ns()
        await asyncio.sleep(0.001)


def order_amid_expiry() -> tuple[Mode, bool]:
    """A lease expires while a mode is written: the mode after the next restart, and whether the fail-safe holds."""
    clock = HostClock()
    stage = _Stage(Story.of(0), clock)
    stage.journal.write_s = 0.05

    async def played() -> tuple[Mode, bool]:
        await _start(stage)
        supervisor = stage.supervisor
        assert supervisor is not None
        async with supervisor.writing(""):
            await supervisor.set_budget("plc", Budget(max_latency_ms=200.0), 0.5, True)
        await asyncio.sleep(0.44)
        async with supervisor.writing(""):
            await supervisor.set_mode("operator", Mode.MANUAL)
        await asyncio.sleep(1.0)
        await _stop(stage)
        await _start(stage)
        assert stage.supervisor is not None
        seen = stage.supervisor.snapshot()
        await _stop(stage)
        return seen.orders.mode, seen.budget.fail_safe

    return run_virtual(clock, played())
