"""What holds for every catalogue, budget and history."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision, Reason
from agent.domain.subnet import Catalogue, Subnet
from agent.policy.decide import Context, Promise, decide
from agent.policy.latency import LatencyModel
from tests.unit.policy.ladder import PROPERTY, a_catalogue, a_net, candidate_of, effective, samples

budgets = st.builds(
    Budget,
    max_latency_ms=st.none() | st.floats(1, 300),
    parts_per_minute=st.floats(100, 20_000),
    min_accuracy=st.none() | st.floats(0.1, 1.0),
    quantile=st.floats(0.5, 0.9999),
)
periods = st.none() | st.floats(4.0, 50.0)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Subnet, ...]:
    count = draw(st.integers(1, 7))
    rungs = st.tuples(st.floats(0.3, 1.0), st.floats(1.0, 200.0))
    return tuple(a_net(f"n{i}", *draw(rungs)) for i in range(count))


@st.composite
def models(draw: st.DrawFn) -> LatencyModel:
    model = LatencyModel.empty()
    for subnet_id in draw(st.lists(st.sampled_from([f"n{i}" for i in range(7)]), max_size=4)):
        times = samples(draw(st.floats(1.0, 200.0)), draw(st.sampled_from([3, 20, 60, 230])))
        model = model.observe(subnet_id, times)
    return model


@st.composite
def contexts(draw: st.DrawFn, ids: tuple[str, ...]) -> Context:
    return Context(
        now_s=100.0,
        activated_s=draw(st.sampled_from([None, 90.0, 98.0])),
        quarantined=dict.fromkeys(draw(st.sets(st.sampled_from(ids))), "failed"),
        infeasible_mode=draw(st.sampled_from(["best_effort", "hold"])),
        promise=draw(st.sampled_from([None, Promise("b-1", 20.0), Promise("b-0", 20.0)])),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Catalogue, str | None, LatencyModel, Budget, float | None, bool, Context]:
    nets = draw(ladders())
    ids = tuple(net.id for net in nets)
    active = draw(st.none() | st.sampled_from(ids))
    context = draw(contexts(ids))
    return a_catalogue(nets), active, draw(models()), draw(budgets), draw(periods), draw(st.booleans()), context


Situation = tuple[Catalogue, "str | None", LatencyModel, Budget, "float | None", bool, Context]


def taken(situation: Situation, fail_safe: bool = False) -> Decision:
    catalogue, active, model, budget, period_ms, free_running, context = situation
    return decide(catalogue, active, model, effective(budget, "b-1", fail_safe), period_ms, free_running, context)


@PROPERTY
@given(situations())
def test_the_target_is_feasible_whenever_one_net_is(situation: Situation) -> None:
    found = taken(situation)
    fitting = [c for c in found.candidates if c.feasible]
    if fitting:
        assert found.target is not None
        assert candidate_of(found, found.target).feasible
        assert found.feasible
    else:
        assert not found.feasible
        assert found.action is not Action.HOLD


@PROPERTY
@given(situations())
def test_every_number_is_finite_and_every_loser_has_its_reason(situation: Situation) -> None:
    found = taken(situation)
    assert found.text
    assert "\n" not in found.text
    for candidate in found.candidates:
        assert 0.0 < candidate.service_bound_ms < candidate.latency_bound_ms < math.inf
        assert candidate.feasible == (candidate.why_not == "")
        assert "nan" not in candidate.why_not


@PROPERTY
@given(situations(), st.floats(1.0, 3.0), st.floats(0.0, 1.0))
def test_what_fits_a_budget_fits_every_looser_one(situation: Situation, slack: float, less: float) -> None:
    catalogue, active, model, budget, period_ms, free_running, context = situation
    looser = Budget(
        max_latency_ms=None if budget.max_latency_ms is None else budget.max_latency_ms * slack,
        parts_per_minute=None if budget.parts_per_minute is None else budget.parts_per_minute / slack,
        min_accuracy=None if budget.min_accuracy is None else budget.min_accuracy / slack,
        quantile=0.5 + (budget.quantile - 0.5) * less,
    )
    tight = taken(situation)
    loose = taken((catalogue, active, model, looser, period_ms, free_running, context))
    assert {c.subnet_id for c in tight.candidates if c.feasible} <= {
        c.subnet_id for c in loose.candidates if c.feasible
    }


@PROPERTY
@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_the_library_does_not_matter(situation: Situation, shuffler: random.Random) -> None:
    catalogue, *rest = situation
    nets = list(catalogue.subnets)
    shuffler.shuffle(nets)
    found, shuffled = taken(situation), taken((a_catalogue(nets), *rest))  # type: ignore[arg-type]  # mypy: *rest
    assert (found.action, found.reason, found.target) == (shuffled.action, shuffled.reason, shuffled.target)


@PROPERTY
@given(ladders(), budgets, periods, st.booleans())
def test_names_do_not_matter(nets: tuple[Subnet, ...], budget: Budget, period_ms: float | None, free: bool) -> None:
    assume(len({(net.accuracy.top1, net.predicted_ms) for net in nets}) == len(nets))
    renamed = tuple(a_net(f"z{9 - i}", net.accuracy.top1, net.predicted_ms) for i, net in enumerate(nets))
    model, context = LatencyModel.empty(), Context(now_s=0.0)
    one = decide(a_catalogue(nets), None, model, effective(budget), period_ms, free, context)
    other = decide(a_catalogue(renamed), None, model, effective(budget), period_ms, free, context)
    index = {c.subnet_id: i for i, c in enumerate(one.candidates)}
    assert other.target == f"z{9 - index[str(one.target)]}"


@PROPERTY
@given(situations())
def test_only_the_fail_safe_swaps_a_net_that_fits_before_dwell_is_over(situation: Situation) -> None:
    *facts, context = situation
    facts[1] = active = situation[1] or situation[0].subnets[0].id
    situation = (*facts, replace(context, activated_s=98.0))  # type: ignore[assignment]  # mypy: *facts
    found = taken(situation)
    if candidate_of(found, active).feasible:
        assert found.action in (Action.KEEP, Action.HOLD)
    hurried = taken(situation, fail_safe=True)
    assert hurried.action is not Action.HOLD
    if hurried.action is Action.SWAP:
        assert hurried.reason is Reason.FAIL_SAFE


@PROPERTY
@given(situations())
def test_a_swap_never_goes_to_the_active_or_a_quarantined_net(situation: Situation) -> None:
    found = taken(situation)
    if found.action is Action.SWAP:
        assert found.target != situation[1]
        assert found.target not in situation[-1].quarantined


@PROPERTY
@given(situations())
def test_carried_out_a_swap_is_not_undone_by_the_next_decision(situation: Situation) -> None:
    catalogue, _, model, budget, period_ms, free_running, context = situation
    found = taken(situation)
    if found.action is not Action.SWAP:
        return
    after = Context(100.0, 100.0, 5.0, context.quarantined, context.infeasible_mode, Promise("b-1", 20.0))
    again = taken((catalogue, found.target, model, budget, period_ms, free_running, after))
    assert again.action is Action.KEEP
    assert again.target == found.target
