"""What many read is made once, and is what each would have got by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api import convert, convert_status
from agent.api.moment import Moment
from agent.api.shared import RESULTS_KEPT, SharedResults, SharedStatus
from agent.clock import VirtualClock
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.result import InferenceResult
from agent.pb.ofa_agent.v1 import status_pb2
from tests.support.fake_control import SNAPSHOT, a_result

LABELS = ("good", "bad")
COUNTS = st.integers(0, (1 << 64) - 1)
LEASE = Claim("c1", "plc", "station-1", ClaimKind.LEASE, Budget(50.0), 9.0, 9_000_000_000)


@given(dropped=COUNTS, revision=st.integers(1, (1 << 64) - 1), detail=st.text(max_size=40))
def test_a_watched_status_is_byte_for_byte_the_plain_message(dropped: int, revision: int, detail: str) -> None:
    clock = VirtualClock()
    snapshot = replace(SNAPSHOT, revision=revision, detail=detail)
    plain = status_pb2.WatchStatusResponse(
        status=convert_status.status(snapshot, Moment.of(clock)), revision=revision, epoch="run-1", dropped=dropped
    )
    shared = SharedStatus(clock, 0.25, "run-1")
    assert shared.watched(snapshot, dropped) == plain.SerializeToString()
    assert shared.watched(snapshot, dropped) == plain.SerializeToString()  # and once more, from what was kept


@given(dropped=COUNTS, sequence=st.integers(1, 1 << 40))
def test_a_watched_result_is_byte_for_byte_the_plain_message(dropped: int, sequence: int) -> None:
    result = a_result(sequence)
    plain = status_pb2.WatchResultsResponse(result=convert.result(result, LABELS), dropped=dropped)
    shared = SharedResults()
    assert shared.watched(result, LABELS, dropped) == plain.SerializeToString()
    assert shared.watched(result, LABELS, dropped) == plain.SerializeToString()


def test_an_answer_of_several_cameras_is_byte_for_byte_the_plain_message() -> None:
    clock = VirtualClock()
    snapshots = [replace(SNAPSHOT, camera=f"station-{number}") for number in range(3)]
    plain = status_pb2.GetStatusResponse(
        cameras=[convert_status.status(snapshot, Moment.of(clock)) for snapshot in snapshots]
    )
    shared = SharedStatus(clock, 0.25, "run-1")
    assert b"".join(shared.answer(snapshot) for snapshot in snapshots) == plain.SerializeToString()


def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The revisions that are converted from now on."""
    found: list[int] = []
    original = convert_status.status

    def status(value: object, moment: Moment) -> object:
        found.append(value.revision)  # type: ignore[attr-defined]
        return original(value, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(convert_status, "status", status)
    return found


def test_a_revision_is_converted_once_for_all_who_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = made(monkeypatch)
    shared = SharedStatus(VirtualClock(), 0.25, "run-1")
    newer = replace(SNAPSHOT, revision=2)
    for snapshot in (SNAPSHOT, newer):
        for dropped in range(200):
            shared.watched(snapshot, dropped)
            shared.answer(snapshot)
    assert converted == [1, 2]


def test_durations_are_no_older_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = made(monkeypatch)
    clock = VirtualClock()
    shared = SharedStatus(clock, 0.25, "run-1")
    snapshot = replace(SNAPSHOT, claims=(LEASE,))
    remaining = []
    for _ in range(9):
        message = status_pb2.WatchStatusResponse.FromString(shared.watched(snapshot, 0))
        remaining.append(message.status.claims[0].remaining.ToNanoseconds() / 1e9)
        clock.sleep(0.125)
    true = [9.0 - 0.125 * step for step in range(9)]
    assert all(0.0 <= told - left <= 0.25 for told, left in zip(remaining, true, strict=True))
    assert len(converted) == 3


def test_results_are_converted_once_and_no_more_of_them_are_kept_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    converted: list[int] = []
    original = convert.result

    def result(value: InferenceResult, labels: tuple[str, ...]) -> object:
        converted.append(value.sequence)
        return original(value, labels)

    monkeypatch.setattr(convert, "result", result)
    shared = SharedResults()
    results = [a_result(sequence) for sequence in range(2 * RESULTS_KEPT)]
    for one in results:
        for _ in range(3):
            shared.watched(one, LABELS, 0)
    assert converted == [*range(2 * RESULTS_KEPT)]
    assert len(shared._made) == RESULTS_KEPT
    shared.watched(results[0], LABELS, 0)
    assert converted[-1] == 0


def test_another_result_of_the_same_number_is_not_taken_for_the_first() -> None:
    shared = SharedResults()
    first = a_result(1)
    second = a_result(1)._replace(subnet_id="w1-huge")
    shared.watched(first, LABELS, 0)
    message = status_pb2.WatchResultsResponse.FromString(shared.watched(second, LABELS, 0))
    assert message.result.subnet_id == "w1-huge"
