"""The ticket office of a group: who waits, who goes first, and that a line is never blind on all cameras unasked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Reason
from agent.errors import BadInput
from agent.policy.tickets import Advance, Sight, TicketOffice, TicketRules, Urgency, urgency_of

S = 1_000_000_000
NAMES = ("a", "b", "c", "d")
GAIN, BUDGET, START = Urgency.GAIN, Urgency.BUDGET, Urgency.START


def office(
    cameras: int = 3, at_once: int = 1, blind: str = "", wait_s: float = 30.0, lease_s: float = 60.0
) -> TicketOffice:
    """A line at 100 s, each of whose cameras had a result just now, but for the blind ones."""
    made = TicketOffice(TicketRules("line-1", NAMES[:cameras], at_once, wait_s, lease_s))
    for name in NAMES[:cameras]:
        made = made.report(name, Sight() if name in blind else Sight(True, 100 * S, 0.1))
    return made


def asked(made: TicketOffice, **urgencies: Urgency) -> TicketOffice:
    for at, (name, urgency) in enumerate(urgencies.items()):
        made = made.request(name, urgency, 100 * S + at)
    return made


def granted(made: TicketOffice, at_s: float = 100.0) -> tuple[TicketOffice, list[str]]:
    after, happened = made.advance(round(at_s * S) + 10)
    return after, [one.camera for one in happened.granted]


def fresh(made: TicketOffice, at_s: float, *names: str) -> TicketOffice:
    """Those cameras have a result of that time."""
    for name in names:
        made = made.report(name, replace(made.sights[name], active=True, newest_ns=round(at_s * S)))
    return made


@pytest.mark.parametrize(("cameras", "at_once"), [(0, 1), (1, 0), (1, 2), (2, 0), (2, 2), (3, 3), (4, -1)])
def test_a_group_that_could_be_blind_as_a_whole_is_refused(cameras: int, at_once: int) -> None:
    with pytest.raises(BadInput, match=r"cameras|max_concurrent_swaps: -?\d is not within 1 to \d"):
        TicketRules("line-1", NAMES[:cameras], at_once)


def test_one_swaps_at_a_time_and_the_other_is_told_for_whom_it_waits() -> None:
    made, first = granted(asked(office(2), a=BUDGET, b=BUDGET))
    assert first == ["a"]
    assert made.why_waiting("b", 101 * S) == "waits for a: at most 1 of line-1 at once"


def test_a_ticket_goes_on_only_when_the_first_result_is_there_and_the_next_camera_has_a_younger_one() -> None:
    made, _ = granted(asked(office(2), a=BUDGET, b=BUDGET))
    made = fresh(made.release(1, 103 * S), 103.0, "a")
    made, none = granted(fresh(made, 102.9, "b"), 103.1)  # its gap would begin at 102.9, inside of the other's
    assert none == []
    assert made.why_waiting("b", 104 * S) == "waits for its own next result, so that its gap begins after the last one"
    _, then = granted(fresh(made, 103.05, "b"), 103.2)
    assert then == ["b"]


def test_a_lone_camera_waits_for_nobody() -> None:
    assert granted(asked(office(1), a=GAIN))[1] == ["a"]


def test_with_the_other_camera_down_the_last_seeing_one_waits() -> None:
    made, none = granted(asked(office(2, blind="b"), a=GAIN))
    assert none == []
    assert made.why_waiting("a", 101 * S) == "waits for b: no other camera of line-1 gives results"
    assert granted(fresh(fresh(made, 105.0, "a"), 105.0, "b"), 105.1)[1] == ["a"]


def test_a_camera_that_is_blind_already_waits_for_no_sight() -> None:
    assert granted(asked(office(2, blind="ab"), a=START))[1] == ["a"]
    assert granted(asked(office(3, blind="c"), a=BUDGET, c=START))[1] == ["c"]  # and goes first: sight is won


def test_a_camera_whose_results_stopped_counts_as_blind_though_it_is_active() -> None:
    made = fresh(office(2), 110.0, "a")
    assert [made.sees(name, 110 * S) for name in "ab"] == [True, False]


def test_on_a_line_that_stands_still_every_active_camera_counts_as_seeing() -> None:
    made = fresh(office(3, blind="c"), 90.0, "b")
    assert made.sees("b", 120 * S)
    assert granted(asked(made, a=GAIN), 120.0)[1] == ["a"]


def test_slow_lines_have_longer_patience_with_their_results() -> None:
    made = office(2)
    made = made.report("a", Sight(True, 110 * S, 10.0))
    assert made.sees("b", 110 * S)


def test_a_gain_is_dropped_after_the_wait_and_everything_else_goes_on_though_it_blinds_the_line() -> None:
    for urgency, expected in ((GAIN, []), (BUDGET, ["a"])):
        made = fresh(asked(office(2, blind="b"), a=urgency), 129.0, "a")
        assert granted(made, 129.0)[1] == []
        after, happened = made.advance(130 * S)
        assert [one.camera for one in happened.granted] == expected
        assert [one.camera for one in happened.dropped] == (["a"] if urgency is GAIN else [])
        assert all(one.forced for one in happened.granted)
        assert after.waiting == ()


def test_urgency_goes_before_age_and_age_before_the_name() -> None:
    made = asked(office(4), b=GAIN, a=GAIN, d=BUDGET, c=BUDGET)
    assert [one.camera for one in made.queue(101 * S)] == ["d", "c", "b", "a"]
    same = TicketOffice(made.rules).request("b", GAIN, 0).request("a", GAIN, 0)
    assert [one.camera for one in same.queue(1)] == ["a", "b"]


def test_asking_again_changes_the_urgency_and_keeps_the_place() -> None:
    made = asked(office(4), b=GAIN, a=BUDGET).request("b", BUDGET, 200 * S)
    assert [one.camera for one in made.queue(101 * S)] == ["b", "a"]


def test_a_lease_ends_for_a_holder_that_never_gives_it_back() -> None:
    made, _ = granted(asked(office(2), a=BUDGET, b=BUDGET))
    made = fresh(made, 159.0, "a", "b")
    assert made.next_change_ns(131 * S) == 160 * S + 10
    made, happened = made.advance(161 * S)
    assert [one.camera for one in happened.expired] == ["a"]
    assert [one.camera for one in happened.granted] == ["b"]


def test_giving_back_twice_or_late_changes_nothing() -> None:
    made, _ = granted(asked(office(2), a=BUDGET))
    freed = made.release(1, 101 * S)
    assert freed.release(1, 105 * S) is freed
    assert made.shorten(1, 500 * S).tickets == made.tickets  # a ticket never gets longer
    assert made.shorten(1, 101 * S).tickets[0].expires_ns == 101 * S


def test_a_camera_of_another_line_is_refused() -> None:
    with pytest.raises(BadInput, match="'z' is not in group 'line-1'"):
        office().request("z", GAIN, 0)


def _decision(reason: Reason, active: str | None, fits: bool, fail_safe: bool = False) -> Decision:
    budget = EffectiveBudget("b", Budget(max_latency_ms=50.0), Priority.LEASE, (), fail_safe)
    candidate = Candidate("small", 0.8, 10.0, 20.0, 5, fits)
    return Decision(Action.SWAP, reason, "large", active, budget, True, Account((candidate,), ""))


@pytest.mark.parametrize(
    ("decision", "urgency"),
    [
        (_decision(Reason.INITIAL, None, True), START),
        (_decision(Reason.MORE_ACCURATE, "small", True), GAIN),
        (_decision(Reason.BUDGET, "small", True), GAIN),
        (_decision(Reason.BUDGET, "small", False), BUDGET),
        (_decision(Reason.INFEASIBLE, "small", False), BUDGET),
        (_decision(Reason.RETIRED, "gone", True), BUDGET),
        (_decision(Reason.FAIL_SAFE, "small", True), BUDGET),
        (_decision(Reason.BUDGET, "small", True, fail_safe=True), BUDGET),
    ],
)
def test_a_swap_is_urgent_where_the_active_network_breaks_the_budget(decision: Decision, urgency: Urgency) -> None:
    assert urgency_of(decision) is urgency


# -- properties -------------------------------------------------------------------------------------------------------


@dataclass
class _Line:
    """Cameras that come and go, ask, swap for a while and give back, or forget to."""

    office: TicketOffice
    now_ns: int = 100 * S
    asked_at: dict[str, int] = field(default_factory=dict)
    events: list[tuple[int, TicketOffice, TicketOffice, Advance]] = field(default_factory=list)

    def step(self, action: str, name: str, urgency: Urgency, seconds: float) -> None:
        self.now_ns += round(seconds * S)
        made = self.office
        if action == "ask" and made.ticket_of(name) is None:
            made = made.request(name, urgency, self.now_ns)
        elif action == "result" and made.sights[name].active:
            made = made.report(name, Sight(True, self.now_ns, 0.1))
        elif action == "up":
            made = made.report(name, Sight(True, None, 0.1))
        elif action == "down":
            made = made.report(name, Sight())
        elif action == "withdraw":
            made = made.withdraw(name)
        elif action == "release" and (ticket := made.ticket_of(name)) is not None:
            made = made.release(ticket.number, self.now_ns)
        self._advance(made)

    def _advance(self, made: TicketOffice) -> None:
        after, happened = made.advance(self.now_ns)
        self.events.append((self.now_ns, made, after, happened))
        self.office = after


_STEPS = st.tuples(
    st.sampled_from(["ask", "ask", "result", "result", "up", "down", "withdraw", "release", "wait"]),
    st.sampled_from(NAMES),
    st.sampled_from(list(Urgency)),
    st.floats(0.0, 12.0),
)


@settings(max_examples=300, deadline=None)
@given(cameras=st.integers(1, 4), at_once=st.integers(1, 3), steps=st.lists(_STEPS, max_size=60))
def test_whatever_happens_the_line_keeps_its_rules(
    cameras: int, at_once: int, steps: list[tuple[str, str, Urgency, float]]
) -> None:
    made = office(cameras, min(at_once, max(1, cameras - 1)))
    line = _Line(made)
    names = NAMES[:cameras]
    for action, name, urgency, seconds in steps:
        if name in names:
            line.step(action, name, urgency, seconds)
    for now_ns, before, after, happened in line.events:
        assert len(after.tickets) <= made.rules.max_concurrent
        assert len({one.camera for one in after.tickets}) == len(after.tickets)
        assert not {one.camera for one in after.waiting} & {one.camera for one in happened.granted}
        for ticket in happened.granted:
            blinded = before.sees(ticket.camera, now_ns)
            others = [one for one in names if one != ticket.camera and after.sees(one, now_ns)]
            waited_ns = now_ns - next(one.since_ns for one in before.waiting if one.camera == ticket.camera)
            if blinded and not others and cameras > 1:
                assert ticket.forced
                assert waited_ns >= made.rules.wait_s * S
            else:
                assert not ticket.forced


@settings(max_examples=200, deadline=None)
@given(cameras=st.integers(1, 4), steps=st.lists(_STEPS, max_size=40), urgent=st.sampled_from(list(Urgency)))
def test_every_request_ends_by_time_alone(
    cameras: int, steps: list[tuple[str, str, Urgency, float]], urgent: Urgency
) -> None:
    line = _Line(office(cameras))
    names = NAMES[:cameras]
    for action, name, urgency, seconds in steps:
        if name in names:
            line.step(action, name, urgency, seconds)
    line.step("ask", names[-1], urgent, 0.0)
    started_ns = line.now_ns
    while line.office.waiting:
        at_ns = line.office.next_change_ns(line.now_ns)
        assert at_ns is not None, "somebody waits for nothing"
        line.step("wait", names[0], GAIN, (at_ns - line.now_ns) / S)
    rules = line.office.rules
    assert line.now_ns - started_ns <= (rules.wait_s + (cameras + 1) * rules.lease_s) * S
