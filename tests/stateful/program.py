"""What the clients of one history do: plain values, made from a seed, that can be printed and cut short."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, fields, replace
from enum import Enum

from agent.domain.orders import Window
from agent.errors import CameraGone, CameraRefused, UploadFailed
from tests.stateful.world import Setting


class Do(Enum):
    """One call, or something that a client does with its connection."""

    SET = "set"
    RENEW = "renew"
    RELEASE = "release"
    PREPARE = "prepare"
    COMMIT = "commit"
    REPORT = "report"
    ACKNOWLEDGE = "acknowledge"
    PROFILE = "profile"
    RELOAD = "reload"  # write the config file, and ask for it to be read
    MODE = "mode"
    PIN = "pin"
    UNPIN = "unpin"
    ROLLBACK = "rollback"
    PERMIT = "permit"
    INHIBIT = "inhibit"
    CANCEL = "cancel"  # an operation
    WAIT = "wait"  # for one
    STATUS = "status"
    SWAPS = "swaps"
    ALARMS = "alarms"
    OPERATIONS = "operations"
    WATCH_STATUS = "watch_status"
    WATCH_RESULTS = "watch_results"
    CAPTURE = "capture"
    STOP_WATCHING = "stop_watching"
    RECONNECT = "reconnect"
    REST = "rest"  # wait until nothing is under way; in programs written by hand
    RETRY = "retry"  # an earlier request, as it was sent
    REUSE = "reuse"  # its id, for another body


ORDERS = frozenset({Do.MODE, Do.PIN, Do.UNPIN, Do.ROLLBACK, Do.PERMIT, Do.INHIBIT})
BUDGETS = frozenset({Do.SET, Do.RENEW, Do.RELEASE})
MUTATIONS = ORDERS | BUDGETS | {Do.PREPARE, Do.COMMIT, Do.REPORT, Do.ACKNOWLEDGE, Do.PROFILE, Do.RELOAD}


class How(Enum):
    """How a call is made."""

    PLAIN = "plain"
    TWICE = "twice"  # at the same time
    GIVE_UP = "give_up"  # cancelled by its client a moment later
    CUT = "cut"  # its connection is closed a moment later


@dataclass(frozen=True, slots=True)
class Step:
    """`number` is unique in its history, and so is every bound made from it; `of`: which earlier request or operation
    (from the end) it is about. `moment_s`: how long GIVE_UP and CUT wait. `flag`: wait_for_ready, stopped,
    while_running or allow_infeasible; `other`: the other way of that kind of call. `wrong`: with a bound that is none.
    `choice`: of a mode, a sub-net or a kind of claim. `with_etag`: for the state that its client saw last.
    """

    number: int
    do: Do
    camera: int = 0
    ttl_s: float | None = None
    flag: bool = False
    other: bool = False
    with_id: bool = False
    how: How = How.PLAIN
    moment_s: float = 0.0
    of: int = 0
    due_s: float = 0.0
    wrong: bool = False
    choice: int = 0
    with_etag: bool = False

    def __str__(self) -> str:
        told = [
            f"{one.name}={getattr(self, one.name)!r}"
            for one in fields(self)
            if one.name not in {"number", "do", "how"} and getattr(self, one.name) != one.default
        ]
        how = "" if self.how is How.PLAIN else f" {self.how.value}"
        return f"#{self.number} {self.do.value}{how} {' '.join(told)}".rstrip()


class Blow(Enum):
    """What happens to all of them at once."""

    NOTHING = "nothing"
    LEAP = "leap"  # that many seconds pass
    SUSPEND = "suspend"
    WALL = "wall"  # a step of the wall clock
    RESTART = "restart"
    CRASH = "crash"
    CRASH_AT_COMMIT = "crash_at_commit"  # the n-th from then on; `after`: just after it
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """It comes when `after_calls` calls of its phase have been started, or at the end of the phase."""

    blow: Blow = Blow.NOTHING
    seconds: float = 0.0
    commits: int = 0
    after: bool = False
    after_calls: int = 0

    def __str__(self) -> str:
        told = [
            f"{one.name}={getattr(self, one.name)!r}"
            for one in fields(self)
            if one.name != "blow" and getattr(self, one.name) != one.default
        ]
        return f"{self.blow.value} {' '.join(told)}".rstrip()


@dataclass(frozen=True, slots=True)
class Phase:
    """The steps of each client, all clients at once, and what comes amid them. Its end is waited for."""

    steps: tuple[tuple[Step, ...], ...]
    disturbance: Disturbance = Disturbance()


@dataclass(frozen=True, slots=True)
class Program:
    """All of one history. The same seed makes the same program; how its calls interleave is left to the machine."""

    seed: int
    setting: Setting
    phases: tuple[Phase, ...]
    names: tuple[str, ...]  # of the clients: two connections of one name are one client, gone and come back

    def prefix(self, phases: int) -> Program:
        return replace(self, phases=self.phases[:phases])

    def without(self, client: int) -> Program:
        """As if that client did nothing."""
        kept = tuple(
            replace(phase, steps=tuple(() if n == client else steps for n, steps in enumerate(phase.steps)))
            for phase in self.phases
        )
        return replace(self, phases=kept)

    def request_id(self, step: int) -> str:
        """The UUID4 of that step."""
        return str(uuid.UUID(int=random.Random(f"{self.seed}-{step}").getrandbits(128), version=4))


_WEIGHTS: dict[Do, float] = {
    Do.SET: 9,
    Do.RENEW: 3,
    Do.RELEASE: 3,
    Do.PREPARE: 2.5,
    Do.COMMIT: 2,
    Do.REPORT: 2,
    Do.ACKNOWLEDGE: 2,
    Do.PROFILE: 0.7,
    Do.RELOAD: 0.7,
    Do.MODE: 1.2,
    Do.PIN: 1.2,
    Do.UNPIN: 0.8,
    Do.ROLLBACK: 0.6,
    Do.PERMIT: 1.0,
    Do.INHIBIT: 1.2,
    Do.CANCEL: 1.0,
    Do.WAIT: 0.3,
    Do.STATUS: 5,
    Do.SWAPS: 0.5,
    Do.ALARMS: 0.5,
    Do.OPERATIONS: 0.4,
    Do.WATCH_STATUS: 0.8,
    Do.WATCH_RESULTS: 0.6,
    Do.CAPTURE: 0.6,
    Do.STOP_WATCHING: 0.4,
    Do.RECONNECT: 0.5,
    Do.RETRY: 4,
    Do.REUSE: 0.5,
}
_FOLLOWERS = {Do.PREPARE: (Do.COMMIT, 0.6), Do.SET: (Do.RENEW, 0.2), Do.PROFILE: (Do.CANCEL, 0.3)}
_FLAGGED = frozenset({Do.SET, Do.COMMIT, Do.REPORT, Do.PROFILE, Do.PERMIT})
_WITH_OTHER = frozenset({Do.SET, Do.REPORT, Do.PROFILE, Do.RETRY, Do.REUSE, Do.WATCH_RESULTS})
_ABOUT = frozenset({Do.RETRY, Do.REUSE, Do.CANCEL, Do.WAIT})
_BLOWS: dict[Blow, float] = {
    Blow.NOTHING: 3,
    Blow.LEAP: 4,
    Blow.SUSPEND: 1,
    Blow.WALL: 2,
    Blow.RESTART: 1.5,
    Blow.CRASH: 1.5,
    Blow.CRASH_AT_COMMIT: 2.5,
    Blow.REBOOT: 0.4,
}
_TTLS_S = (0.5, 1.0, 3.0, 10.0, 600.0)
_WALL_STEPS_S = (-86_400.0, -3600.0, -1.0, 1.0, 3600.0, 86_400.0, 5e5)  # in all less than the journal's retention
_FAULTS = {
    "upload": UploadFailed("the link broke"),
    "self_test": CameraRefused("no image taken"),
    "activate": CameraRefused("no"),
    "connect": CameraGone("not on the bus"),
    "start": CameraGone("unplugged"),
}


@dataclass
class _Maker:
    """Draws a program. Owner of the random source and of the step numbers."""

    seed: int
    drawn: random.Random = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        self.drawn = random.Random(self.seed)

    def program(self) -> Program:
        drawn = self.drawn
        clients = drawn.randint(2, 5)
        distinct = drawn.randint(max(1, clients - 2), clients)
        setting = self._setting()
        phases = tuple(self._phase(clients, setting) for _ in range(drawn.randint(1, 4)))
        return Program(self.seed, setting, phases, tuple(f"client-{n % distinct}" for n in range(clients)))

    def _setting(self) -> Setting:
        drawn = self.drawn
        cameras = ("station-1", "station-2")[: drawn.choice((1, 1, 2))]
        faults = {
            (run, name): {(call := drawn.choice(sorted(_FAULTS)), drawn.randint(1, 3)): _FAULTS[call]}
            for run in range(1, 6)
            for name in cameras
            if drawn.random() < 0.15
        }
        return Setting(
            cameras=cameras,
            min_dwell_s=drawn.choice((0.0, 0.0, 5.0)),
            upload_s=drawn.choice((0.0, 0.0, 0.003)),
            grouped=drawn.random() < 0.3,
            faults=faults,
            window=drawn.choice((Window.ANY, Window.ANY, Window.ANY, Window.PERMIT, Window.LINE_STOPPED)),
            scheduled=drawn.random() < 0.25,
            hangs=(hangs := self._hangs(cameras)),
            silent=bool(hangs) and drawn.random() < 0.3,
            swap_deadline_s=0.3 if hangs else 60.0,
        )

    def _hangs(self, cameras: tuple[str, ...]) -> dict[tuple[int, str], frozenset[str]]:
        """In few histories: each waits for the deadline of a swap, which then is short."""
        if self.drawn.random() > 0.08:
            return {}
        places = [(run, name) for run in range(1, 4) for name in cameras if self.drawn.random() < 0.5]
        return {place: frozenset({self.drawn.choice(("stop", "self_test", "upload"))}) for place in places}

    def _phase(self, clients: int, setting: Setting) -> Phase:
        drawn = self.drawn
        steps = tuple(self._steps(drawn.randint(0, 4), len(setting.cameras)) for _ in range(clients))
        calls = sum(map(len, steps))
        return Phase(steps, self._disturbance(calls))

    def _steps(self, count: int, cameras: int) -> tuple[Step, ...]:
        """Some calls are mostly followed by others, on the same camera."""
        steps = []
        for _ in range(count):
            step = self._step(self.drawn.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0], cameras)
            steps.append(step)
            follower, likely = _FOLLOWERS.get(step.do, (Do.STATUS, 0.0))
            if self.drawn.random() < likely:
                steps.append(replace(self._step(follower, cameras), camera=step.camera))
        return tuple(steps)

    def _step(self, do: Do, cameras: int) -> Step:
        drawn = self.drawn
        self.number += 1
        sends = do in MUTATIONS or do in (Do.RETRY, Do.REUSE)
        how = drawn.choices(list(How), (10, 1, 1.2, 0.6))[0] if sends else How.PLAIN
        bounded = do in (Do.SET, Do.PREPARE, Do.REPORT)
        chosen = do in (Do.MODE, Do.PIN) or (do is Do.SET and drawn.random() < 0.15)
        return Step(
            number=self.number,
            do=do,
            camera=drawn.randrange(cameras),
            ttl_s=drawn.choice((None, *_TTLS_S)) if bounded or do in (Do.INHIBIT, Do.PERMIT) else None,
            flag=do in _FLAGGED and drawn.random() < 0.5,
            other=do in _WITH_OTHER and drawn.random() < 0.5,
            with_id=do in MUTATIONS and drawn.random() < 0.75,
            how=how,
            moment_s=drawn.choice((0.0, 0.0005, 0.001, 0.002, 0.005)) if how in (How.GIVE_UP, How.CUT) else 0.0,
            of=drawn.randint(0, 5) if do in _ABOUT else 0,
            due_s=drawn.choice((0.0, 0.5, 2.0, 10.0)) if do is Do.PREPARE else 0.0,
            wrong=(bounded and drawn.random() < 0.06) or (do is Do.RELOAD and drawn.random() < 0.25),
            choice=drawn.randint(1, 3) if chosen else 0,
            with_etag=do in (ORDERS | BUDGETS) and drawn.random() < 0.3,
        )

    def _disturbance(self, calls: int) -> Disturbance:
        drawn = self.drawn
        blow = drawn.choices(list(_BLOWS), list(_BLOWS.values()))[0]
        seconds = 0.0
        if blow in (Blow.LEAP, Blow.SUSPEND):
            seconds = drawn.choice((0.1, 0.45, 0.9, 2.5, 8.0, 70.0, 700.0))
        elif blow is Blow.WALL:
            seconds = drawn.choice(_WALL_STEPS_S)
        return Disturbance(
            blow,
            seconds,
            commits=drawn.randint(1, 12) if blow is Blow.CRASH_AT_COMMIT else 0,
            after=drawn.random() < 0.6 if blow is Blow.CRASH_AT_COMMIT else False,
            after_calls=drawn.randint(0, max(1, calls)),
        )


def program_of(seed: int) -> Program:
    """The program of that seed."""
    return _Maker(seed).program()
