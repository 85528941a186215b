"""Short programs written by hand: the building blocks, and those that broke a promise once, or were misjudged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.errors import CameraRefused
from tests.stateful.program import Blow, Disturbance, Do, How, Phase, Program, Step
from tests.stateful.world import Setting

NOTHING = Disturbance()
RESTART = Disturbance(Blow.RESTART)
LOOK = Step(90, Do.STATUS)
SET = Step(1, Do.SET, with_id=True, other=True)
LEASE = replace(SET, ttl_s=600.0)
NEWER = Step(2, Do.SET, with_id=True, other=True)
PIN = Step(7, Do.PIN, choice=2)
RETRY = Step(4, Do.RETRY)
COMMIT = Step(12, Do.COMMIT, flag=True)
REST = Step(91, Do.REST)


def program(*phases: tuple[Sequence[Step], Disturbance], setting: Setting | None = None) -> Program:
    """Of one client; each phase ends with its disturbance."""
    made = (Phase((tuple(steps),), replace(blow, after_calls=99)) for steps, blow in phases)
    return Program(1, setting or Setting(), tuple(made), ("client-0",))


def turns(*phases: tuple[Sequence[Step], Sequence[Step]], names: tuple[str, str] = ("client-0", "client-1")) -> Program:
    """Of two connections; in a phase with steps of both they go at the same time."""
    made = (Phase((tuple(first), tuple(second))) for first, second in phases)
    return Program(1, Setting(), tuple(made), names)


def crash_at(commit: int, after: bool) -> Disturbance:
    return Disturbance(Blow.CRASH_AT_COMMIT, commits=commit, after=after)


def amid(steps: Sequence[Step], blow: Disturbance, then: Sequence[Step]) -> Program:
    """What comes amid the first steps, before their first call."""
    return Program(1, Setting(), (Phase((tuple(steps),), blow), Phase((tuple(then),))), ("client-0",))


ONE_CLIENT = ("client-0", "client-0")
_LAPSED = replace(LEASE, ttl_s=0.5)
_REFUSED = {(1, "station-1"): {("self_test", 2): CameraRefused("no image taken")}}


def replaced_and_released(commit: int) -> Program:
    """A claim takes another's place, with a crash at that commit, and is released in the next run."""
    phases = (
        Phase(((REST, SET),)),
        Phase(((NEWER,),), crash_at(commit, after=True)),
        Phase(((LOOK, Step(5, Do.RELEASE), LOOK),), replace(RESTART, after_calls=99)),
        Phase(((LOOK,),)),
    )
    return Program(1, Setting(), phases, ("client-0",))


FOUND: dict[str, Program] = {
    "a restart forgot that a lease had expired": program(
        ([_LAPSED], Disturbance(Blow.LEAP, seconds=8.0)), ([], RESTART), ([LOOK], NOTHING)
    ),
    "a restart told of no claims before they were loaded": program(([SET], RESTART), ([LOOK], RESTART)),
    "a renewal overwrote a newer claim": turns(
        ([LEASE], []), ([Step(3, Do.RENEW), LOOK], [NEWER]), ([LOOK], []), names=ONE_CLIENT
    ),
    "a release took a newer claim with it": turns(
        ([LEASE], []), ([Step(3, Do.RELEASE), LOOK], [NEWER]), ([LOOK], []), names=ONE_CLIENT
    ),
    "a second commit dropped what the first had put in force": program(
        ([Step(11, Do.PREPARE, ttl_s=600.0), replace(COMMIT, how=How.TWICE)], RESTART), ([LOOK], NOTHING)
    ),
    "a crash before the answer was stored ran a request twice": amid([SET], crash_at(1, after=True), [RETRY, LOOK]),
    "a crash before the answer let a late retry win": amid([SET], crash_at(2, after=True), [NEWER, RETRY, LOOK]),
    "a run that was cancelled waited for its way back": program(
        ([REST, Step(13, Do.PROFILE, flag=True, other=True), Step(14, Do.INHIBIT), Step(15, Do.CANCEL)], NOTHING)
    ),
    "a swap that was rolled back had two ends": program(
        ([REST, PIN, REST, Step(16, Do.OPERATIONS)], RESTART),
        ([Step(17, Do.OPERATIONS)], NOTHING),
        setting=Setting(faults=_REFUSED),
    ),
    "a capture was lost by a crash": program(
        ([REST, Step(18, Do.CAPTURE), REST], Disturbance(Blow.CRASH)), ([LOOK], NOTHING)
    ),
    "an operation of an answer was lost by a crash": program(([REST, PIN, REST], Disturbance(Blow.CRASH))),
    "an operation of an answer was not known after a restart": program(([REST, PIN], RESTART), ([LOOK], NOTHING)),
}
FOUND |= {
    f"a swap that was told of and had not begun was lost by a crash at commit {n}": amid(
        [REST, PIN, REST], crash_at(n, after=True), [replace(RETRY, of=0), LOOK]
    )
    for n in (8, 9, 10)
}
FOUND |= {f"an older claim came back after a crash at commit {n}": replaced_and_released(n) for n in (1, 2)}

_SILENT = Setting(hangs={(1, "station-1"): frozenset({"stop"})}, silent=True, swap_deadline_s=0.3)
MISJUDGED: dict[str, Program] = {  # the agent kept its promises, and was told not to
    "a renewal that was given up and carried out had no place in the order": turns(
        ([LEASE, LOOK], []),
        ([Step(3, Do.RENEW, how=How.GIVE_UP, with_id=True, moment_s=0.002)], []),
        ([], [NEWER]),
        ([RETRY, LOOK], []),
    ),
    "a swap of a silent camera was late where only the clock had leapt": program(
        ([LOOK], Disturbance(Blow.LEAP, seconds=70.0)), setting=_SILENT
    ),
}
