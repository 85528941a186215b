"""What a camera's policy keeps: over questions, over restarts, over libraries."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision, Reason
from agent.domain.line import Announced, View
from agent.policy.engine import SwapPolicy
from tests.unit.policy.ladder import (
    LADDER,
    PLAIN,
    SWAP_S,
    Line,
    a_catalogue,
    a_net,
    asked,
    candidate_of,
    commissioned,
    figure_of,
    lived,
    profile,
    rate,
)

FIELDS = ("spells", "moves", "visits", "resumed", "gains", "known")
WRONG = (-1.0, 1e300, float("inf"), float("nan"), "many", None, [1.0], 10**400)


def told(decision: Decision) -> tuple[object, ...]:
    """All that can be read of it."""
    return decision, decision.text, decision.candidates, decision.figures


def first(budget: Budget, policy: SwapPolicy | None = None, active: str | None = None) -> Decision:
    """Of a policy that has seen nothing of the line; `active` has run for long."""
    return (policy or commissioned()).decide(View(100.0, asked(budget), active, None if active is None else 0.0))


def experienced() -> SwapPolicy:
    """Of a line that changes every six seconds and stands now and then."""
    line = lived((30.0, 50.0), 6.0)
    for turn in range(4):
        line.run(asked(rate(30.0), f"s-{turn}", stopped=True), 20)
        line.run(asked(rate(50.0), f"r-{turn}"), 6)
    line.results = 5
    line.run(asked(rate(30.0), "last"), 20)
    return line.policy


_EXPERIENCED: list[dict[str, object]] = []


def experienced_document() -> dict[str, object]:
    if not _EXPERIENCED:
        _EXPERIENCED.append(experienced().saved())
    return _EXPERIENCED[0]


def explained(line: Line) -> None:
    """Questions of all kinds at this time."""
    for budget in (rate(20.0), rate(80.0), Budget(max_latency_ms=25.0), rate(3.0)):
        for quantile in (0.9, 0.95, 0.99, 0.999, 0.9999):
            demand = asked(replace(budget, quantile=quantile), "what-if", stopped=quantile > 0.99)
            assert line.policy.explain(line.view(demand)).text
            coming = (Announced(line.now_s + 3.0, asked(rate(30.0), "then")),)
            line.policy.explain(replace(line.view(demand), announced=coming, notice_s=3.0))


def test_explaining_changes_nothing() -> None:
    quiet, asking = Line(commissioned()), Line(commissioned())
    explained(asking)
    for turn in range(6):
        demand = asked(rate(50.0 if turn % 3 else 30.0), f"b-{turn}")
        for _ in range(5):
            assert told(quiet.tick(demand)) == told(asking.tick(demand))
        explained(asking)
        for _ in range(2):
            assert told(quiet.tick(demand)) == told(asking.tick(demand))
        for line in (quiet, asking):
            line.policy.note_swap("large", SWAP_S + turn % 5)
    assert quiet.policy.saved() == asking.policy.saved()


def test_several_decisions_at_one_instant_are_as_one() -> None:
    once, often = Line(commissioned()), Line(commissioned())
    for turn in range(20):
        demand = asked(rate(50.0 if turn % 3 else 30.0), f"b-{turn}")
        for second in range(7):
            often.arrive()
            again = [often.policy.decide(often.view(demand)) for _ in range((turn + second) % 3)]
            found = once.tick(demand)
            assert often.tick(demand) == found
            assert again == [found] * len(again)
    assert often.policy.saved() == once.policy.saved()


def test_what_was_learned_comes_back_through_json_and_decides_as_before() -> None:
    saved = experienced_document()
    one, other = Line(commissioned()), Line(commissioned())
    one.policy.restore(saved)
    other.policy.restore(json.loads(json.dumps(saved)))
    assert one.policy.saved()["line"] == saved["line"]
    for turn in range(10):
        demand = asked(rate(30.0 if turn % 2 else 50.0), f"b-{turn}")
        for _ in range(6):
            assert told(one.tick(demand)) == told(other.tick(demand))
    assert one.swaps == other.swaps
    assert one.policy.saved() == other.policy.saved()


def test_a_line_that_is_known_from_an_earlier_run_is_not_swapped_for_in_vain() -> None:
    fresh, taught = Line(commissioned(), results=0), Line(commissioned(), results=0)
    taught.policy.restore(experienced_document())
    for line in (fresh, taught):
        for turn in range(30):
            line.run(asked(rate(30.0 if turn % 2 else 50.0), f"b-{turn}"), 6)
    assert [to for _, to, _ in taught.swaps] == ["middle"]
    assert len(fresh.swaps) > 1


def test_nothing_is_saved_before_anything_was_learned() -> None:
    assert SwapPolicy(LADDER, PLAIN).saved() == {}
    assert commissioned().saved() == {}


def test_a_damaged_document_is_ignored() -> None:
    saved = experienced_document()
    known = saved["line"]
    assert isinstance(known, dict)
    wrong: tuple[object, ...] = (3, "x", None, [[10**400]], [[float("nan")]], {}, [])
    documents: list[object] = [{}, [], None, "line", *(known | {"spells": one} for one in wrong)]
    for damaged in documents:
        policy = commissioned()
        policy.restore(saved | {"line": damaged, "timing": {"schema": "?"}})
        assert policy.saved() == {}
        assert told(first(rate(30.0), policy)) == told(first(rate(30.0)))


@pytest.mark.parametrize("field", FIELDS)
def test_one_wrong_number_makes_all_of_it_wrong(field: str) -> None:
    for value in WRONG:
        saved = json.loads(json.dumps(experienced_document()))
        row = saved["line"][field]
        while isinstance(row[0], list):
            row = next(one for one in row if one)
        row[0] = value
        policy = commissioned()
        policy.restore(saved | {"timing": {}})
        expected = saved["line"]["gains"] if (field, value) == ("gains", -1.0) else None  # gains may be losses
        line = policy.saved().get("line", {})
        assert isinstance(line, dict)
        assert line.get("gains") == expected, value


def test_a_document_of_another_kind_or_of_other_rungs_tells_nothing_of_the_line() -> None:
    saved = experienced_document()
    for other in ({"schema": "else"}, {"rungs": ["small", "large"]}, {"rungs": 3}):
        policy = commissioned()
        policy.restore(saved | other | {"timing": {}})
        assert told(first(rate(30.0), policy)) == told(first(rate(30.0)))
    commissioned().restore({})


def test_another_catalogue_keeps_what_is_known_of_nets_that_stay() -> None:
    line = Line(commissioned())
    line.run(asked(rate(30.0)), 120)
    before = line.policy.model.measured("middle")
    assert before > 400
    line.policy.use(a_catalogue([a_net("middle", 0.75, 20.0), a_net("huge", 0.9, 25.0)]))
    assert line.policy.model.measured("middle") == before
    found = line.tick(asked(rate(30.0)))
    assert {candidate.subnet_id for candidate in found.candidates} == {"middle", "huge"}
    line.policy.use(a_catalogue([a_net("large", 0.8, 40.0)]))
    assert line.tick(asked(rate(30.0))).reason is Reason.RETIRED
    line.policy.use(a_catalogue([]))
    assert line.tick(asked(rate(30.0))).reason is Reason.EMPTY


def test_a_decision_can_be_read_after_its_library_was_replaced() -> None:
    policy = commissioned()
    found = first(rate(30.0), policy, "middle")
    policy.use(a_catalogue([a_net("other", 0.9, 5.0)]))
    assert [candidate.subnet_id for candidate in found.candidates] == ["small", "middle", "large"]
    assert found.text.startswith("keep middle")


def test_a_profile_that_comes_after_the_start_counts_from_then_on() -> None:
    policy = SwapPolicy(LADDER, PLAIN)
    assert not candidate_of(first(rate(21.6), policy), "middle").feasible  # predictions are wide
    policy.set_profile(profile("middle", 20.0, swap_s=7.0))
    found = policy.decide(View(101.0, asked(rate(21.6)), "small", 0.0))
    assert candidate_of(found, "middle").feasible
    assert figure_of(candidate_of(found, "middle").figures, "gap") == pytest.approx(7.0)
    assert policy.decide(View(102.0, asked(rate(21.6)))).action is Action.SWAP
