"""The big word: one test for each rule of the table, and what wins over what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Reason
from agent.domain.journal import Alarm
from agent.domain.notice import LineReport, LineState
from agent.domain.orders import Lapse, Mode, Orders, Pin
from agent.domain.snapshot import CameraSnapshot, RunningSwap
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.web.seen import Moment, Reach, Seen
from agent.web.state import RULES, Tone, further_words, quiet_for_s, state_word
from tests.support.fake_control import SNAPSHOT, a_decision

S = 1_000_000_000
NOW = Moment(boot_ns=1000 * S, mono_ns=900 * S, wall_ns=1_700_000_000 * S)
WELL = replace(
    SNAPSHOT, degraded=(), detail="", swap=None, coming=None, changes=(), line=LineState(), permit_boot_ns=None
)
STANDS = LineState(True, 600.0, (LineReport("plc-7", True, 600.0, 0, None),))
FAIL_SAFE = EffectiveBudget("b", Budget(max_latency_ms=40.0), Priority.LEASE, (), fail_safe=True)
LOST = Orders(lapse=Lapse("plc-7", 958 * S, "boot"))
PINNED = Orders(pin=Pin("w1-big", "eve", 0))


def seen(snapshot: CameraSnapshot, *alarms: str, frame_age_s: float | None = 0.1, reach: Reach | None = None) -> Seen:
    standing = [Alarm(n, "station-1", key, f"why {key}", NOW.wall_ns - 90 * S) for n, key in enumerate(alarms, 1)]
    frame_ns = None if frame_age_s is None else NOW.mono_ns - round(frame_age_s * S)
    return Seen(snapshot, NOW, standing, frame_ns, labels=("good", "bad"), reach=reach)


def swap(stage: SwapStage) -> RunningSwap:
    return RunningSwap("s", "w1-huge", stage, 1, 2, 0, 2.4)


def swapping(stage: SwapStage, verified: bool = False) -> CameraSnapshot:
    return replace(WELL, state=CameraState.SWAPPING, swap=swap(stage), verified=verified)


CASES: list[tuple[str, Tone, str, Seen]] = [
    ("FAULTED", "bad", "Upload failed", seen(replace(WELL, state=CameraState.FAULTED, detail="upload failed"))),
    ("DISCONNECTED", "bad", "Unplugged.", seen(replace(WELL, state=CameraState.DISCONNECTED, detail="unplugged"))),
    ("DISCONNECTED", "bad", "for 90 s", seen(replace(WELL, state=CameraState.CONNECTING), "camera_lost")),
    ("CONNECTING", "busy", "opens the camera", seen(replace(WELL, state=CameraState.CONNECTING))),
    ("ROLLING BACK", "warn", "w1-huge failed", seen(swapping(SwapStage.ROLLING_BACK))),
    ("SWAPPING", "busy", "no results until", seen(swapping(SwapStage.UPLOADING))),
    ("SWAPPING", "busy", "old network still inspects", seen(swapping(SwapStage.PREPARING, verified=True))),
    ("SWAPPING", "busy", "being changed", seen(replace(WELL, state=CameraState.SWAPPING, swap=None))),
    ("RUNNING", "good", "w1-big inspects", seen(swapping(SwapStage.WAITING_PERMIT, verified=True))),
    ("IDLE", "bad", "No network on the camera", seen(replace(WELL, state=CameraState.IDLE, verified=False))),
    ("IDLE", "off", "No library", replace(seen(replace(WELL, state=CameraState.IDLE, verified=False)), labels=())),
    ("STOPPED", "bad", "No picture for 12 s", seen(WELL, frame_age_s=12.0)),
    ("NO RESULTS", "bad", "Why results_stopped.", seen(WELL, "results_stopped")),
    ("FAIL-SAFE", "bad", "'plc-7' is silent: its lease ran out 42", seen(replace(WELL, budget=FAIL_SAFE, orders=LOST))),
    ("FAIL-SAFE", "bad", "at most 40 ms", seen(replace(WELL, budget=FAIL_SAFE))),
    ("OVER BUDGET", "warn", "No sub-net keeps at most 80 ms", seen(replace(WELL, degraded=(Degraded.INFEASIBLE,)))),
    ("OVER BUDGET", "warn", "pinned w1-big", seen(replace(WELL, degraded=(Degraded.OVER_BUDGET,), orders=PINNED))),
    ("OVER BUDGET", "warn", "w1-big does not keep", seen(replace(WELL, degraded=(Degraded.OVER_BUDGET,)))),
    ("DEGRADED", "warn", "taken back. Golden.", seen(replace(WELL, degraded=(Degraded.ROLLED_BACK,), detail="golden"))),
    ("DEGRADED", "warn", "hot", seen(replace(WELL, degraded=(Degraded.THROTTLED,)))),
    ("DEGRADED", "warn", "not in the library", seen(replace(WELL, degraded=(Degraded.RETIRED,)))),
    ("LINE STOPPED", "off", "says plc-7", seen(replace(WELL, line=STANDS))),
    ("MAINTENANCE", "warn", "eve", seen(replace(WELL, orders=Orders(Mode.MAINTENANCE, "eve")))),
    ("PINNED", "busy", "eve pinned it", seen(replace(WELL, orders=PINNED))),
    ("PINNED", "busy", "rolled back", seen(replace(WELL, orders=Orders(pin=Pin("w1-big", "eve", 0, rollback=True))))),
    ("MANUAL", "busy", "says eve", seen(replace(WELL, orders=Orders(Mode.MANUAL, "eve")))),
    ("RUNNING", "good", "w1-big inspects for a budget of at most 80 ms.", seen(WELL)),
]  # fmt: skip


@pytest.mark.parametrize(("word", "tone", "why", "known"), CASES)
def test_the_word_says_what_is_to_be_known_first(word: str, tone: Tone, why: str, known: Seen) -> None:
    found = state_word(known)
    assert (found.word, found.tone) == (word, tone)
    assert why in found.why
    assert found.why.endswith(".")


def test_every_rule_has_a_case_and_stands_in_the_order_of_the_page() -> None:
    """The words of the table in the order in which one wins over the next."""
    words = list(dict.fromkeys(case[0] for case in CASES if case[0] != "RUNNING"))
    assert len(RULES) == len(words) + 1
    for place, rule in enumerate(RULES[:-1]):
        assert {found.word for *_, known in CASES if (found := rule(known)) is not None} == {words[place]}


@pytest.mark.parametrize(
    ("snapshot", "alarms", "words"),
    [
        (replace(WELL, budget=FAIL_SAFE, degraded=(Degraded.INFEASIBLE,)), (), ["FAIL-SAFE", "OVER BUDGET"]),
        (replace(WELL, degraded=(Degraded.INFEASIBLE,), line=STANDS), (), ["OVER BUDGET", "LINE STOPPED"]),
        (replace(WELL, budget=FAIL_SAFE, orders=replace(PINNED, lapse=LOST.lapse)), (), ["FAIL-SAFE", "PINNED"]),
        (replace(WELL, state=CameraState.DISCONNECTED, budget=FAIL_SAFE), (), ["DISCONNECTED", "FAIL-SAFE"]),
        (replace(WELL, orders=Orders(Mode.MANUAL, "eve", PINNED.pin)), (), ["PINNED", "MANUAL"]),
        (swapping(SwapStage.UPLOADING), ("results_stopped",), ["SWAPPING"]),
        (WELL, (), ["RUNNING"]),
    ],
)
def test_what_else_holds_is_told_beside_the_word(
    snapshot: CameraSnapshot, alarms: tuple[str, ...], words: list[str]
) -> None:
    known = seen(snapshot, *alarms)
    assert [state_word(known).word, *(one.word for one in further_words(known))] == words


@pytest.mark.parametrize(
    ("age_s", "line", "per_minute", "quiet"),
    [
        (4.9, LineState(), None, False),
        (5.1, LineState(), None, True),
        (20.0, LineState(), 6.0, False),  # a part every ten seconds
        (31.0, LineState(), 6.0, True),
        (31.0, LineState(parts_per_minute=600.0), 6.0, True),
        (3600.0, STANDS, 600.0, False),
    ],
)
def test_a_slow_line_is_not_a_stopped_camera(
    age_s: float, line: LineState, per_minute: float | None, quiet: bool
) -> None:
    budget = replace(WELL.budget, budget=Budget(max_latency_ms=80.0, parts_per_minute=per_minute))
    assert (quiet_for_s(seen(replace(WELL, line=line, budget=budget), frame_age_s=age_s)) is not None) is quiet


def test_what_is_not_known_of_frames_is_no_stop() -> None:
    assert state_word(seen(WELL, frame_age_s=None)).word == "RUNNING"


@pytest.mark.parametrize(
    ("budget", "reach", "says"),
    [
        (Budget(max_latency_ms=18.0), Reach(20.0, 32.0), "at most 18 ms: the fastest takes 32.0 ms."),
        (Budget(parts_per_minute=4000.0), Reach(20.0, 32.0), "4000 parts/min: the fastest manages 3000 parts/min."),
        (Budget(max_latency_ms=80.0, min_accuracy=0.99), Reach(20.0, 32.0), "at most 80 ms, accuracy from 99.0 %."),
        (Budget(max_latency_ms=18.0), None, "at most 18 ms."),
    ],
)
def test_an_impossible_budget_is_told_with_what_is_possible(budget: Budget, reach: Reach | None, says: str) -> None:
    snapshot = replace(WELL, degraded=(Degraded.INFEASIBLE,), budget=replace(WELL.budget, budget=budget))
    assert says in state_word(seen(snapshot, reach=reach)).why


def test_a_camera_without_a_usable_sub_net_says_why_it_idles() -> None:
    decision = a_decision(reason=Reason.EMPTY)
    found = state_word(seen(replace(WELL, state=CameraState.IDLE, decision=decision)))
    assert "nothing is inspected" in found.why
