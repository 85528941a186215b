"""Whether one order of the commands explains everything that clients were told: linearizability, camera by camera.

Each call takes effect at one moment between its start and its end; one that nobody answered perhaps, and then before
its run of the agent ended and with the answer that a retry was given in that run; what ends by its time (a lease, an
inhibition) or comes into force then, at or after that: a lease may be told of when it is not renewed any more.
The search is that of Wing and Gong with the memory of Lowe: depth first through the orders, never twice through the
same calls with the same state.

    J. Wing, C. Gong: Testing and Verifying Concurrent Objects. JPDC 17, 1993.
    G. Lowe: Testing for linearizability. Concurrency and Computation 29(4), 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.stateful.camera_state import State
from tests.stateful.record import ETERNITY_NS

MOST_STATES = 300_000  # of one camera of one history; a search beyond is given up, and is a failure

Step = Callable[[State], Iterable[State]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something with one moment in [began_ns, ended_ns]. `step`: the states that it may lead to; none: not from there.

    `must`: it did happen. `why` tells it in the words of a failure.
    """

    began_ns: int
    ended_ns: int
    step: Step
    must: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to. `states`: how many it looked at; `stuck`: what nothing explains, with the longest prefix.

    `given_up`: it was too large.
    """

    ordered: bool
    states: int
    stuck: tuple[Event, ...] = ()
    given_up: bool = False


def search(events: Sequence[Event], first: State) -> Found:
    """Whether some order of the events, each in its time, leads through all that must have happened."""
    events = sorted(events, key=lambda one: (one.began_ns, one.ended_ns))
    must = sum(1 << n for n, one in enumerate(events) if one.must)
    seen: set[tuple[int, State]] = set()
    todo: list[tuple[int, int, State]] = [(0, 0, first)]  # taken, the latest start among them, state
    longest = 0
    while todo:
        taken, now_ns, state = todo.pop()
        if taken & must == must:
            return Found(True, len(seen))
        if (taken & must).bit_count() > (longest & must).bit_count():
            longest = taken
        if len(seen) >= MOST_STATES:
            return Found(False, len(seen), given_up=True)
        # In reverse, so that what began first is tried first.
        for n in reversed(_next(events, taken, now_ns)):
            one, after = events[n], taken | 1 << n
            for found in one.step(state):
                if (after, found) not in seen:
                    seen.add((after, found))
                    todo.append((after, max(now_ns, one.began_ns), found))
    return Found(False, len(seen), tuple(events[n] for n in _waiting(events, longest)))


def _next(events: Sequence[Event], taken: int, now_ns: int) -> list[int]:
    """What may come next: it is not over yet, and nothing that must come has ended before it begins."""
    left = [n for n in range(len(events)) if not taken >> n & 1]
    first_end_ns = min((events[n].ended_ns for n in left if events[n].must), default=ETERNITY_NS)
    return [n for n in left if events[n].began_ns <= first_end_ns and events[n].ended_ns >= now_ns]


def _waiting(events: Sequence[Event], taken: int) -> list[int]:
    """Of what must come, that which could have been next."""
    left = [n for n, one in enumerate(events) if one.must and not taken >> n & 1]
    first_end_ns = min((events[n].ended_ns for n in left), default=ETERNITY_NS)
    return [n for n in left if events[n].began_ns <= first_end_ns]
