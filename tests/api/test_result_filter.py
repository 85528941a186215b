"""A watcher of results gets what it asked for, and is told what is wrong with what it asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.result_filter import ResultFilter
from agent.client.errors import failure
from agent.domain.result import InferenceResult
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import status_pb2
from tests.api.harness import run, serving, until
from tests.support.fake_control import FakeControl, a_result

REQUEST = status_pb2.WatchResultsRequest
LABELS = ("good", "bad")


def result(sequence: int, subnet_id: str = "w1-big", class_id: int = 0, confidence: float = 0.9) -> InferenceResult:
    one = a_result(sequence)
    return one._replace(subnet_id=subnet_id, inference=one.inference._replace(class_id=class_id, confidence=confidence))


RESULTS = st.builds(
    result,
    sequence=st.integers(1, 1000),
    subnet_id=st.sampled_from(("w1-big", "w1-huge")),
    class_id=st.integers(-1, 3),
    confidence=st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0)),
)
REQUESTS = st.builds(
    REQUEST,
    subnet_ids=st.lists(st.sampled_from(("w1-big", "w1-huge")), max_size=2),
    class_ids=st.lists(st.integers(0, 4), max_size=2),
    labels=st.lists(st.sampled_from(LABELS), max_size=2),
    min_confidence=st.none() | st.sampled_from((0.0, 0.25, 0.5)),
    max_confidence=st.none() | st.sampled_from((0.5, 0.75, 1.0)),
    every_nth=st.integers(0, 4),
)


def fits(request: status_pb2.WatchResultsRequest, one: InferenceResult) -> bool:
    """As the proto says it, word by word."""
    inference = one.inference
    label = LABELS[inference.class_id] if inference.class_id in (0, 1) else None
    by_class = not request.class_ids and not request.labels
    return (
        (not request.subnet_ids or one.subnet_id in request.subnet_ids)
        and (by_class or inference.class_id in request.class_ids or label in request.labels)
        and (not request.HasField("min_confidence") or inference.confidence >= request.min_confidence)
        and (not request.HasField("max_confidence") or inference.confidence <= request.max_confidence)
    )


@given(request=REQUESTS, results=st.lists(RESULTS, max_size=30))
def test_a_filter_lets_through_what_fits_and_each_nth_of_it(
    request: status_pb2.WatchResultsRequest, results: list[InferenceResult]
) -> None:
    wanted = ResultFilter.of(request, FakeControl())
    fitting = [one for one in results if fits(request, one)]
    expected = fitting[:: request.every_nth or 1]
    assert [one for one in results if wanted is None or wanted(one)] == expected


def test_a_request_that_asks_for_all_has_no_filter() -> None:
    assert ResultFilter.of(REQUEST(buffer=7, every_nth=1), FakeControl()) is None


def test_without_a_library_names_are_taken_on_trust_and_fit_nothing() -> None:
    wanted = ResultFilter.of(REQUEST(labels=["good"]), FakeControl(known=None))
    assert wanted is not None
    assert not wanted(result(1))


def test_a_subnet_that_still_runs_may_be_asked_for_though_the_library_has_it_no_more() -> None:
    control = FakeControl()
    control.change(active_subnet="retired")
    assert ResultFilter.of(REQUEST(subnet_ids=["retired"]), control) is not None


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown sub-net": ({"subnet_ids": ["w1-big", "w9"]}, "subnet_ids", "'w9' is not in .*w1-big, w1-huge"),
    "an unknown label": ({"labels": ["godo"]}, "labels", "'godo' is no class .*good, bad"),
    "a confidence below 0": ({"min_confidence": -0.1}, "min_confidence", "-0.1 is not within 0 to 1"),
    "a confidence above 1": ({"max_confidence": 85.0}, "max_confidence", "85 is not within 0 to 1"),
    "a confidence that is no number": ({"max_confidence": float("nan")}, "max_confidence", "nan is not"),
    "bounds that leave nothing": ({"min_confidence": 0.9, "max_confidence": 0.8}, "min_confidence", "no result"),
    "a step beyond its bound": ({"every_nth": 1_000_001}, "every_nth", "1000001 is more than 1000000"),
    "too many entries": ({"class_ids": [*range(1001)]}, "class_ids", "1001 entries and at most 1000"),
}


@pytest.mark.parametrize(("fields", "field", "why"), WRONG.values(), ids=WRONG)
def test_a_filter_that_cannot_be_meant_is_refused(fields: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        ResultFilter.of(REQUEST(**fields), FakeControl())
    assert caught.value.field == field


def a_stream(channel: Any, **fields: Any) -> Any:
    call: Any = channel.unary_stream(
        "/ofa_agent.v1.StatusService/WatchResults",
        lambda message: message.SerializeToString(),
        status_pb2.WatchResultsResponse.FromString,
    )
    return call(REQUEST(**fields))


def test_filtered_results_are_neither_sent_nor_counted_as_dropped(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[int, int]]:
        async with serving(tmp_path) as rig:
            call = a_stream(rig.channel, buffer=2, labels=["bad"])
            await until(lambda: rig.control.results.readers == 1)
            for sequence in range(100):  # far more than the buffer holds, all in one turn of the loop
                rig.control.results.publish(result(sequence, class_id=1 if sequence in (3, 77) else 0))
            read = [await call.read() for _ in range(2)]
            call.cancel()
        return [(message.result.sequence, message.dropped) for message in read]

    assert run(scenario()) == [(3, 0), (77, 0)]


def test_each_watcher_has_its_own_filter(tmp_path: Path) -> None:
    async def scenario() -> list[list[int]]:
        async with serving(tmp_path) as rig:
            calls = [a_stream(rig.channel, every_nth=step) for step in (0, 3, 5)]
            await until(lambda: rig.control.results.readers == 3)
            for sequence in range(1, 16):
                rig.control.results.publish(result(sequence))
            read = [[(await call.read()).result.sequence for _ in range(15 // step)]
                    for call, step in zip(calls, (1, 3, 5), strict=True)]  # fmt: skip
            for call in calls:
                call.cancel()
        return read

    assert run(scenario()) == [[*range(1, 16)], [1, 4, 7, 10, 13], [1, 6, 11]]


def test_a_refused_filter_names_its_field_and_holds_no_place(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, list[str]]:
        async with serving(tmp_path) as rig:
            call = a_stream(rig.channel, min_confidence=2.0)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asyncio.wait_for(call.read(), 10.0)
            assert rig.server.streams == rig.control.results.readers == 0
        error: Any = failure(caught.value, "test")
        return error.code, [violation.field for violation in error.violations]

    assert run(scenario()) == ("INVALID_ARGUMENT", ["min_confidence"])


def test_the_client_asks_for_what_it_is_told_to(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with serving(tmp_path) as rig:
            watch = rig.client.watch_results(
                subnet_ids=["w1-big"],
                class_ids=[0],
                labels=["bad"],
                min_confidence=0.5,
                max_confidence=0.95,
                every_nth=2,
            )
            async with watch:
                reading = asyncio.ensure_future(anext(watch))
                await until(lambda: rig.control.results.readers == 1)
                for one in (
                    result(1, "w1-huge"),
                    result(2, confidence=0.4),
                    result(3),
                    result(4),
                    result(5, class_id=1),
                ):
                    rig.control.results.publish(one)
                return [(await reading).result.sequence, (await anext(watch)).result.sequence]

    assert run(scenario()) == [3, 5]
