"""The one limit of service time that decisions are weighed by, against the words that are said of each bound."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from agent.domain.budget import Budget
from agent.policy.candidates import LEAST_MS, LONGEST_MS, Limits
from agent.policy.timing import LatencyModel
from tests.unit.policy.ladder import PROPERTY, samples

MODEL = LatencyModel({"small": 10.0})
MODEL.observe("small", samples(10.0, 60))

limits = st.builds(
    Limits,
    st.builds(Budget, st.none() | st.floats(6.0, 300.0), st.none() | st.floats(100.0, 20_000.0), st.none()),
    st.none() | st.floats(4.0, 50.0),
    st.booleans(),
    st.booleans(),
)


def said(given: Limits, service_ms: float) -> str:
    """All that is wrong with a service time."""
    latency_ms = MODEL.delivered_ms(service_ms, given.budget.quantile, given.wait_period_ms)
    return given.service(service_ms) + given.latency(latency_ms)


@PROPERTY
@given(limits)
def test_up_to_the_longest_service_time_nothing_is_wrong_and_beyond_it_something_is(found: Limits) -> None:
    longest_ms = found.longest_service_ms(MODEL)
    assume(LEAST_MS < longest_ms < LONGEST_MS)
    assert said(found, longest_ms * 0.9999) == ""
    assert said(found, longest_ms * 1.0001) != ""


@PROPERTY
@given(st.floats(0.1, 3.9), st.none() | st.floats(4.0, 50.0))
def test_a_latency_shorter_than_the_transfer_leaves_room_for_no_service_time(
    latency_ms: float, period_ms: float | None
) -> None:
    found = Limits(Budget(latency_ms), period_ms, free_running=period_ms is not None)
    assert found.longest_service_ms(MODEL) == LEAST_MS
    assert said(found, 2 * LEAST_MS) != ""
